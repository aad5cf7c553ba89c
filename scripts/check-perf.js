// `etcdctl check perf` against our server with a fresh directory, syncing, or against etcd: a minute of puts at the rate
// that etcdctl calls small. Fails unless it says PASS. Needs etcdctl on $PATH or in $ETCDCTL_BIN.
// Run: npm run build && node scripts/check-perf.js [--server ours|etcd] [--load s|m|l|xl]
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { startServer } from './trial-server.js';

const { values } = parseArgs({
  options: { server: { type: 'string', default: 'ours' }, load: { type: 'string', default: 's' } },
});
const server = await startServer(values.server);
try {
  process.exitCode = await checkPerf(server.address, values.load);
} finally {
  await server.stop();
}

async function checkPerf(address, load) {
  const child = spawn(process.env.ETCDCTL_BIN ?? 'etcdctl', ['--endpoints', address, 'check', 'perf', '--load', load], {
    env: { ...process.env, ETCDCTL_API: '3' },
  });
  let told = '';
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (text) => {
      told += text;
    });
  }
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  // Before the verdict stands a bar of progress, drawn over itself.
  const verdict = told.slice(Math.max(0, told.search(/PASS|FAIL/))).trim();
  console.log(`etcdctl check perf --load ${load} against ${values.server}:\n${verdict}`);
  // etcdctl 3.4 says FAIL with exit code 0 too.
  return code === 0 && /^PASS$/m.test(verdict) && !/^FAIL/m.test(verdict) ? 0 : 1;
}
