import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type DurableHost, openDurableHost } from '../../src/storage/durable-host.js';
import { fileHeaderBytes } from '../../src/storage/file-header.js';
import { logName } from '../../src/storage/file-names.js';
import { cannotMount } from '../support/kernel-tools.js';
import { describeSkipped } from '../support/skip.js';

const pageBytes = 4096;
const log = logName(1);

function run(file: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** A small disk in memory, an image on it, what that holds, and the data directory there. */
let base: string;
const at = (...path: string[]) => join(base, ...path);

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'conclave-sync-'));
  await Promise.all([mkdir(at('disk')), mkdir(at('mounted'))]);
  run('mount', '-t', 'tmpfs', '-o', 'size=16m', 'none', at('disk'));
  run('truncate', '-s', '100M', at('disk/image'));
  run('mkfs.ext4', '-q', '-b', String(pageBytes), at('disk/image'));
  run('mount', '-o', 'loop', at('disk/image'), at('mounted'));
});

afterEach(async () => {
  for (const each of ['mounted', 'disk']) spawnSync('umount', ['-l', at(each)]);
  await rm(base, { recursive: true });
});

function open(reserveBytes = 0): Promise<DurableHost> {
  return openDurableHost({ runtime: new NodeRuntime(), dir: at('mounted/data'), pid: process.pid, reserveBytes });
}

/** Opens what is on the disk, not what the kernel has yet to write to it. */
async function openAfterPowerCut(closed: DurableHost): Promise<DurableHost> {
  run('cp', '--sparse=always', at('disk/image'), at('disk/copy'));
  await closed.close();
  run('umount', at('mounted'));
  run('mount', '-o', 'loop', at('disk/copy'), at('mounted'));
  return open();
}

/** Puts what ends at the end of a page: a loop device says nothing of a write that it has carried out in part. */
async function fillPage(durable: DurableHost): Promise<void> {
  await put(durable, 'a', 1_000);
  const end = (await readFile(at('mounted/data', log))).findLastIndex((byte) => byte !== 0) + 1;
  await put(durable, 'b', 2 * pageBytes - end - (end - fileHeaderBytes - 1_000));
}

function expectKeys({ host }: DurableHost, ...keys: string[]): void {
  expect(host.range({ key: utf8('\0'), rangeEnd: utf8('\0') }).kvs.map(({ key }) => utf8Text(key))).toEqual(keys);
}

function put({ host }: DurableHost, key: string, bytes: number): Promise<void> {
  host.put({ key: utf8(key), value: Buffer.alloc(bytes, 'x') });
  return host.committed() ?? Promise.resolve();
}

/** Takes from the disk what lies beneath the log from `from` on, zeros so far, and all room besides. */
function breakDisk(from: number): void {
  run('sync', '-f', at('mounted'));
  const extents = run('filefrag', '-v', '-b1', at('mounted/data', log)).matchAll(/: +(\d+)\.\. *(\d+): +(\d+)/g);
  for (const [first, last, physical] of [...extents].map(
    (each) => each.slice(1).map(Number) as [number, number, number],
  )) {
    const start = Math.max(first, from);
    if (start > last) continue;
    run('fallocate', '-p', '-o', String(physical + start - first), '-l', String(last + 1 - start), at('disk/image'));
  }
  spawnSync('dd', ['if=/dev/zero', `of=${at('disk/ballast')}`, `bs=${pageBytes}`]);
}

const failedSyncs = () => {
  it('without a reserve: nothing of it is shown after a restart, and what comes then is there', async () => {
    const first = await open();
    await fillPage(first);
    breakDisk(2 * pageBytes);
    await expect(put(first, 'failed', 10_000)).rejects.toThrow(/writing \S+\.log failed/);
    await first.close();
    await rm(at('disk/ballast'));
    const second = await open();
    expectKeys(second, 'a', 'b');
    await put(second, 'later', 10_000);
    const third = await openAfterPowerCut(second);
    expectKeys(third, 'a', 'b', 'later');
    await third.close();
  });

  it.each([10_000, 200_000])('with a reserve: what is written again (%i bytes) is there', async (bytes) => {
    const first = await open(100_000);
    expect(await first.host.regainRoom()).toBe(true);
    await fillPage(first);
    breakDisk(2 * pageBytes);
    // Raised between the two writes.
    const { alarms } = first.host;
    const raise = alarms.activate.bind(alarms);
    alarms.activate = (alarm) => {
      rmSync(at('disk/ballast'));
      return raise(alarm);
    };
    await put(first, 'found full', bytes);
    expect(existsSync(at('disk/ballast'))).toBe(false);
    const again = await openAfterPowerCut(first);
    expectKeys(again, 'a', 'b', 'found full');
    await again.close();
  });
};

const title = 'a sync that finds no room, on a disk of its own';
const reason = cannotMount('mkfs.ext4', 'truncate', 'filefrag', 'fallocate', 'dd', 'cp', 'sync');
if (reason !== undefined) describeSkipped(title, reason, failedSyncs);
else describe(title, failedSyncs);
