// node scripts/bundle.js SOURCE TARGET
// Makes one file of a command, and one for each part that it loads when it needs it, without the packages that it
// depends on. Node reads a few hundred modules one by one: without this `serve` listens after 186 ms, with it after 115.
import { chmodSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';

const [source, target] = process.argv.slice(2);
const parts = 'parts';
// Those of an earlier build have other names.
rmSync(join(dirname(target), parts), { recursive: true, force: true });
await build({
  entryPoints: { [basename(target, '.js')]: source },
  outdir: dirname(target),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  chunkNames: `${parts}/[name]-[hash]`,
  sourcemap: true,
  // The sources are in the package.
  sourcesContent: false,
  logLevel: 'warning',
});
// `npm pack` keeps the mode, and npm links a `bin` as it is.
chmodSync(target, 0o755);
