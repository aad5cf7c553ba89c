import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { executable } from '../../support/etcd/machine.js';
import { sleep } from '../clock.js';
import type { Fault } from './fault.js';

const run = promisify(execFile);

/** Where clients take their wall clock from, and how to set it: `+30` is 30 s ahead. */
export interface FakeClock {
  readonly env: NodeJS.ProcessEnv;
  set(offset: string): void;
}

/**
 * libfaketime as installed, or unpacked from the distribution's package into `cache` without being installed; a reason
 * where neither is possible. Only the wall clock is moved: the monotonic one cannot jump.
 */
export async function fakeClock(cache: string, file: string): Promise<FakeClock | { readonly missing: string }> {
  const library = findLibrary('/usr') ?? findLibrary(cache) ?? (await unpack(cache));
  if (typeof library !== 'string') return library;
  const set = (offset: string) => writeFileSync(file, `${offset}\n`);
  set('+0');
  const env = {
    LD_PRELOAD: library,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_TIMESTAMP_FILE: file,
  };
  return { env, set };
}

/** The wall clock of every client is set forward and back, by much and by little. */
export function clockJump(clock: FakeClock | { readonly missing: string }): Fault {
  return {
    word: 'clock-jump',
    missing: async () => ('missing' in clock ? clock.missing : undefined),
    run: async (trial) => {
      if ('missing' in clock) return;
      for (let turn = 0; turn < 4; turn++) {
        const offset = trial.random.pick(['+30', '-30', '+1', '-1', '+86400', '-86400', '+0']);
        trial.note({ word: 'clock-jump', offset });
        clock.set(offset);
        await sleep(trial.random.between(300, 1500));
      }
      clock.set('+0');
      await sleep(500);
    },
  };
}

function findLibrary(root: string): string | undefined {
  const libraries = join(root, root === '/usr' ? 'lib' : 'usr/lib');
  if (!existsSync(libraries)) return undefined;
  for (const folder of readdirSync(libraries)) {
    const file = join(libraries, folder, 'faketime', 'libfaketime.so.1');
    if (existsSync(file)) return file;
  }
  return undefined;
}

async function unpack(cache: string): Promise<string | { readonly missing: string }> {
  const [aptGet, dpkg] = [executable('apt-get', process.env.PATH), executable('dpkg', process.env.PATH)];
  if (aptGet === undefined || dpkg === undefined) return { missing: 'no libfaketime, and no apt-get to fetch it with' };
  try {
    mkdirSync(cache, { recursive: true });
    await run(aptGet, ['download', 'libfaketime'], { cwd: cache, timeout: 60_000 });
    for (const deb of readdirSync(cache).filter((each) => each.endsWith('.deb'))) {
      await run(dpkg, ['-x', deb, cache], { cwd: cache, timeout: 60_000 });
    }
  } catch (error) {
    return { missing: `libfaketime cannot be fetched: ${String((error as Error).message).split('\n')[0]}` };
  }
  return findLibrary(cache) ?? { missing: 'the package libfaketime holds no libfaketime.so.1' };
}
