import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { dockerImage } from './docker-engine.js';
import type { Machine } from './source.js';

const run = promisify(execFile);

/** Git-ignored: what was unpacked once is found again. */
export const cacheDir = fileURLToPath(new URL('../../../.cache/etcd', import.meta.url));

/** The machine the tests run on. */
export function thisMachine(
  env: Readonly<Record<string, string | undefined>> = process.env,
  cache = cacheDir,
): Machine {
  return {
    env,
    executable: (name) => executable(name, env.PATH),
    dockerImage: (image) => dockerImage(image, env.DOCKER_HOST),
    unpackPackage: () => unpackPackage(cache, env),
  };
}

/** Only `$PATH` counts, so that a test can take etcd away; `$ETCD_BIN` names one elsewhere. */
export function executable(name: string, path: string | undefined): string | undefined {
  for (const folder of (path ?? '').split(delimiter)) {
    if (folder === '') continue;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there, or not ours to run: the next folder.
    }
  }
  return undefined;
}

async function unpackPackage(
  cache: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ etcd: string; etcdctl: string } | { missing: string }> {
  const root = join(cache, 'root');
  const unpacked = { etcd: join(root, 'usr/bin/etcd'), etcdctl: join(root, 'usr/bin/etcdctl') };
  if (existsSync(unpacked.etcd) && existsSync(unpacked.etcdctl)) return unpacked;
  const aptGet = executable('apt-get', env.PATH);
  const dpkg = executable('dpkg', env.PATH);
  if (aptGet === undefined || dpkg === undefined) return { missing: 'no apt-get and dpkg to fetch the package with' };
  try {
    mkdirSync(root, { recursive: true });
    const options = { cwd: cache, timeout: 120_000 };
    await run(aptGet, ['download', 'etcd-server', 'etcd-client'], options);
    for (const file of readdirSync(cache).filter((each) => each.endsWith('.deb'))) {
      await run(dpkg, ['-x', file, root], options);
    }
  } catch (error) {
    return { missing: `apt-get download etcd-server failed: ${firstLine(error)}` };
  }
  return existsSync(unpacked.etcd) ? unpacked : { missing: 'the package etcd-server holds no usr/bin/etcd' };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n').find((line) => line.startsWith('E:')) ?? text.split('\n')[0] ?? text;
}
