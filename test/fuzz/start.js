// `npm run fuzz -- [--bytes N] [--seconds N] [--seed S]`: random bytes for every decoder, until both bounds are
// reached.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Date.now() % 2_147_483_647) },
  },
});
const env = { ...process.env };
for (const [name, value] of Object.entries(values)) {
  if (!/^\d+$/.test(value)) throw new Error(`--${name} takes a whole number, not ${value}`);
  env[`CONCLAVE_FUZZ_${name.toUpperCase()}`] = value;
}
const cwd = fileURLToPath(new URL('../..', import.meta.url));
const child = spawn('npx', ['vitest', 'run', 'test/fuzz'], { cwd, env, stdio: 'inherit' });
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
