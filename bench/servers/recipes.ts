import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { executable } from '../../test/support/etcd/machine.js';
import type { ServerRecipe } from './server-process.js';

/** Where this file is compiled to: `.cache/bench`. */
const buildDir = fileURLToPath(new URL('../..', import.meta.url));
const onDisk = join(buildDir, 'data');
/** Syncing costs nothing there: for those that cannot be told not to, and like for like those that can. */
const inMemory = '/dev/shm/conclave-bench';

export type ServerKind =
  | 'ours'
  | 'ours no-fsync'
  | 'ours memory'
  /** `--http2 node`. */
  | 'ours memory, node:http2'
  | 'etcd'
  | 'etcd no-fsync'
  /** For the check of the bench itself. */
  | 'ours memory again'
  | 'ours in modules'
  | 'ours slowed';

/** A 1,000,000 keys must fit, in either. */
const quota = ['--quota-backend-bytes', '8589934592'];

export function recipeOf(name: ServerKind): ServerRecipe {
  switch (name) {
    case 'ours':
      return ours(name, (dir) => ['--data', dir]);
    case 'ours no-fsync':
      return { ...ours(name, (dir) => ['--data', dir, '--unsafe-no-fsync']), diskFolder: noFsyncFolder() };
    case 'ours memory':
    case 'ours memory again':
      return ours(name, () => []);
    case 'ours memory, node:http2':
      return ours(name, () => ['--http2', 'node']);
    case 'ours in modules':
      return inModules(name, []);
    case 'ours slowed':
      return inModules(name, ['--import', join(buildDir, 'bench', 'check', 'slow.js')]);
    case 'etcd':
      return etcd(name, onDisk, []);
    case 'etcd no-fsync':
      return etcd(name, noFsyncFolder(), hasNoFsync() ? ['--unsafe-no-fsync'] : []);
  }
}

export function etcdVersion(): string {
  return /etcd Version: (\S+)/.exec(execFileSync(etcdFile(), ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
}

/** How the subjects named `no-fsync` go without: etcd 3.4 has no flag for it. */
export function noFsyncMeans(): string {
  return hasNoFsync()
    ? '`--unsafe-no-fsync`'
    : 'data directory in memory, of ours as well (this etcd has no `--unsafe-no-fsync`)';
}

function noFsyncFolder(): string {
  return hasNoFsync() ? onDisk : inMemory;
}

/** Not bundled: only so can something be planted. */
function inModules(name: string, node: readonly string[]): ServerRecipe {
  return ours(name, () => [], [...node, join(buildDir, 'src', 'cli', 'main.js')]);
}

/** As the package has it. */
const command = join(buildDir, 'bin', 'conclave.js');

function ours(name: string, dataFlags: (dir: string) => readonly string[], main = [command]): ServerRecipe {
  return {
    name,
    file: process.execPath,
    diskFolder: onDisk,
    args: (dir, port) => [...main, 'serve', '--listen', `127.0.0.1:${port}`, ...quota, ...dataFlags(dir)],
  };
}

function etcd(name: string, diskFolder: string, flags: readonly string[]): ServerRecipe {
  return {
    name,
    file: etcdFile(),
    diskFolder,
    args: (dir, port, peerPort) => [
      ...['--name', 'bench', '--data-dir', dir, ...quota],
      ...['--listen-client-urls', `http://127.0.0.1:${port}`, '--advertise-client-urls', `http://127.0.0.1:${port}`],
      ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
      ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`],
      ...['--initial-cluster', `bench=http://127.0.0.1:${peerPort}`, ...flags],
    ],
  };
}

function etcdFile(): string {
  const file = process.env.ETCD_BIN ?? executable('etcd', process.env.PATH);
  if (file === undefined) throw new Error('no etcd: install one, or name it in $ETCD_BIN');
  return file;
}

function hasNoFsync(): boolean {
  try {
    return execFileSync(etcdFile(), ['--help'], { encoding: 'utf8', stdio: 'pipe' }).includes('--unsafe-no-fsync');
  } catch (error) {
    return String((error as { stdout?: unknown; stderr?: unknown }).stderr).includes('--unsafe-no-fsync');
  }
}
