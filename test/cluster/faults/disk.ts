import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { executable } from '../../support/etcd/machine.js';
import { spawnTied } from '../../support/etcd/process.js';
import { sleep, until } from '../clock.js';
import type { Member } from '../member.js';
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

const straceMissing = async () =>
  executable('strace', process.env.PATH) === undefined ? 'there is no strace' : undefined;

/** A disk of the leader that takes its time for every sync. */
export const diskSlow: Fault = {
  word: 'disk-slow',
  missing: straceMissing,
  run: async (trial) => {
    const ms = Math.round(trial.random.between(30, 400));
    trial.note({ word: 'disk-slow', ms });
    const strace = await syncsOf(await trial.cluster.needLeader(), `delay_enter=${ms * 1000}`);
    await sleep(trial.longMs);
    await endOf(strace);
    await sleep(1000);
  },
};

/** A disk of the leader that refuses to sync: etcd ends, and must not have acknowledged what it did not keep. */
export const diskError: Fault = {
  word: 'disk-error',
  missing: straceMissing,
  run: async (trial) => {
    const leader = await trial.cluster.needLeader();
    const strace = await syncsOf(leader, 'error=EIO');
    const ended = (await until(4000, () => !leader.running)) ?? false;
    trial.note({ word: 'disk-error', ended, ...(ended && { killed: leader.name }) });
    await endOf(strace);
    await sleep(trial.random.between(0, 1000));
    await leader.start();
    await sleep(1500);
  },
};

/** Makes something of each sync of a member, until the process that does it ends. */
async function syncsOf(member: Member, what: string): Promise<ChildProcess> {
  const calls = 'fdatasync,fsync';
  const tracing = ['-e', `trace=${calls}`, '-e', `inject=${calls}:${what}`];
  return spawnTied('strace', ['-f', '-qq', '-o', '/dev/null', ...tracing, '-p', String(await member.pid())]);
}

/** It lets go of whom it traced. */
async function endOf(strace: ChildProcess): Promise<void> {
  if (strace.exitCode !== null || strace.signalCode !== null) return;
  const ended = once(strace, 'exit');
  strace.kill('SIGTERM');
  await ended;
}
