// `npm run test:differential -- --sequences N [--seed S] [--path P]`: random sequences on our server and on a real
// etcd. A failure prints its seed and path, which run it again alone.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    sequences: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 2_147_483_647) },
    path: { type: 'string' },
  },
});
for (const name of ['sequences', 'seed']) {
  if (!/^-?\d+$/.test(values[name])) throw new Error(`--${name} takes a whole number, not ${values[name]}`);
}
console.log(`differential: ${values.sequences} sequences, seed ${values.seed}`);
const env = { ...process.env, CONCLAVE_SEQUENCES: values.sequences, CONCLAVE_SEED: values.seed };
if (values.path !== undefined) env.CONCLAVE_PATH = values.path;
const args = ['vitest', 'run', 'test/differential/server-etcd.test.ts'];
const child = spawn('npx', args, { cwd: fileURLToPath(new URL('../..', import.meta.url)), env, stdio: 'inherit' });
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
