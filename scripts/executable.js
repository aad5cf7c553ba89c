// Marks files as executable: `npm pack` keeps the mode, and npm links a `bin` as it is.
import { chmodSync, existsSync } from 'node:fs';

for (const file of process.argv.slice(2)) {
  if (existsSync(file)) chmodSync(file, 0o755);
}
