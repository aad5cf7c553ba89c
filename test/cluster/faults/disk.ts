import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sleep, until } from '../clock.js';
import type { Fault } from './fault.js';

const run = promisify(execFile);
/** Two log files of 64 MB and a database fit, no more. */
const sizeMb = 160;

/** Which member stands on a small disk: not always the leader. */
export const smallDiskMember = 2;

/** Mounts a small tmpfs at a member's folder; the function returned takes it away. */
export async function mountSmallDisk(folder: string): Promise<() => Promise<void>> {
  mkdirSync(folder, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'conclave-test', folder]);
  return async () => {
    await run('umount', [folder]);
  };
}

/** A disk without room: etcd ends with an error, and must have lost nothing once there is room again. */
export const diskFull: Fault = {
  word: 'disk-full',
  missing: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'conclave-mount-'));
    try {
      await (await mountSmallDisk(folder))();
      return undefined;
    } catch (error) {
      return `no tmpfs can be mounted: ${
        String((error as Error).message)
          .split('\n')
          .at(-2) ?? error
      }`;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  run: async (trial) => {
    const member = trial.cluster.members[smallDiskMember];
    if (member === undefined) return;
    const ballast = join(member.folder, 'ballast');
    const { bavail, bsize } = statfsSync(member.folder);
    try {
      writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    } catch {
      // Full a little earlier than foreseen, which is what is wanted.
    }
    const ended = (await until(4000, () => !member.running)) ?? false;
    trial.note({ word: 'disk-full', ended });
    await sleep(trial.random.between(0, 1000));
    rmSync(ballast, { force: true });
    await member.start();
    await sleep(1000);
  },
};
