import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { version } from '../../src/core/version.js';
import type { Scale } from '../lab.js';
import { etcdVersion, noFsyncMeans } from '../servers/recipes.js';
import { median } from '../statistics.js';

/** Under which circumstances a run was made. */
export interface Environment {
  readonly lines: readonly string[];
}

export function environmentOf(scale: Scale, folder: string): Environment {
  const load = loadavg().map((each) => each.toFixed(1));
  const run = `last run: ${scale.quick ? 'quick run' : 'full run'}, ${scale.rounds} rounds of ${scale.sampleMs} ms`;
  const cores = `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'})`;
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return {
    lines: [
      `${run}; date and commit are with each row`,
      `Conclave ${version}, etcd ${etcdVersion()}, Node ${process.versions.node}, Linux ${release()}`,
      `${cores}, ${memory}; load average before the run ${load.join(', ')}`,
      `one write and fdatasync where the servers keep their data: ${syncMs(folder).toFixed(2)} ms (median of 50)`,
      `no-fsync: ${noFsyncMeans()}`,
      'load generator: an HTTP/2 client of our own in a process of its own, the same for all servers',
    ],
  };
}

/** As git abbreviates it; says so if there are changes on top of it. */
export function commit(): string {
  try {
    const run = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
    const changed = run('status', '--porcelain', '--untracked-files=no', '--', 'src', 'bench/*.ts') !== '';
    return `${run('rev-parse', '--short', 'HEAD')}${changed ? ' with changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

function syncMs(folder: string): number {
  const dir = mkdtempSync(join(folder, 'sync-'));
  const file = openSync(join(dir, 'file'), 'w');
  try {
    return median(
      Array.from({ length: 50 }, () => {
        const startedAtMs = performance.now();
        writeSync(file, Buffer.alloc(200));
        fdatasyncSync(file);
        return performance.now() - startedAtMs;
      }),
    );
  } finally {
    closeSync(file);
    rmSync(dir, { recursive: true });
  }
}
