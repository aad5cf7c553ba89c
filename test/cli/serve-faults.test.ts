import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Conclave, connect } from '../../src/index.js';
import { cannotMount, cannotTrace } from '../support/kernel-tools.js';
import { describeSkipped } from '../support/skip.js';
import { checkWriters, newWriters, type Writer, writeUntilGone } from './support/acknowledged.js';
import { builtCli } from './support/built.js';
import { conclave } from './support/cli.js';
import { Program } from './support/program.js';

/**
 * `CONCLAVE_KILL_CALLS=500` kills at each of the first 500 calls of each kind; `CONCLAVE_POWER_CUTS=200` cuts as often,
 * on the file system that `CONCLAVE_POWER_CUT_FS` names: ext4, xfs or btrfs.
 */
const killCalls = Number(process.env.CONCLAVE_KILL_CALLS ?? 2);
const powerCuts = Number(process.env.CONCLAVE_POWER_CUTS ?? 2);
const makeFs = `mkfs.${process.env.CONCLAVE_POWER_CUT_FS ?? 'ext4'}`;

vi.setConfig({ testTimeout: Math.max(60_000, killCalls * 40_000, powerCuts * 20_000) });

let dir: string;
let data: string;
let trace: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'conclave-faults-'));
  data = join(dir, 'data');
  trace = join(dir, 'trace');
});

afterEach(() => rm(dir, { recursive: true }));

const flags = [
  'serve',
  '--listen',
  '127.0.0.1:0',
  '--json',
  '--checkpoint-bytes',
  '20000',
  '--reserve-bytes',
  '100000',
];
const unsynced: [string, string[]] = ['without syncs, ', ['--unsafe-no-fsync']];
const calls = 'fdatasync,fsync,pwrite64,rename,unlink';

/** The server under strace, which has the kernel answer what `inject` says. One thread: its calls have one order. */
function underStrace(inject: string, more: readonly string[] = []): Program {
  const strace = ['-f', '-qq', '-y', '-o', trace, '-e', `trace=${calls}`, '-e', `inject=${inject}`];
  // A server does not outlive its strace.
  const server = ['setpriv', '--pdeathsig', 'KILL', process.execPath, builtCli(), ...flags, ...more, '--data', data];
  return new Program('strace', [...strace, ...server], { UV_THREADPOOL_SIZE: '1' });
}

/** Writes until the server is gone; how that ended. Undefined: it did not even come up. */
async function writeInto(server: Program, all: readonly Writer[]) {
  const line = await server.line().catch(() => undefined);
  if (line !== undefined) {
    // Lazy: it may be gone before it is reached.
    await using client = await connect((JSON.parse(line) as { url: string }).url, { lazy: true });
    await Promise.all(all.map((writer) => writeUntilGone(client, writer)));
  }
  return server.ended();
}

/** Starts again without faults: all that was acknowledged is there, and it can be written to. */
async function checkAfter(all: readonly Writer[], where = data): Promise<void> {
  await using server = conclave([...flags, '--data', where]);
  const { url } = JSON.parse(await server.line()) as { url: string };
  await using client = await connect(url);
  await checkWriters(client, all);
  await client.put('after', 'it goes on');
  await client.close();
  server.kill('SIGTERM');
  expect(await server.ended()).toMatchObject({ code: 0, stderr: expect.not.stringContaining('damage') });
}

/** The injected call and the traced ones after it, of those that change a file of the store. */
async function callsFromFault(): Promise<[string, ...string[]]> {
  const lines = (await readFile(trace, 'utf8')).split('\n').filter((line) => line.includes(data));
  const at = lines.findIndex((line) => line.includes('(INJECTED)'));
  expect(at).toBeGreaterThan(-1);
  return lines.slice(at) as [string, ...string[]];
}

/** After the fault: none writes, syncs or renames. */
function expectNothingTried(calls: readonly string[]): void {
  expect(calls.filter((line) => /sync|write|rename/.test(line))).toEqual([]);
}

const faults = () => {
  it.each<[string, string[]]>([
    ['pwrite64:error=EIO:when=30+', []],
    ['pwrite64:error=EIO:when=30', []],
    ['pwrite64:error=EIO:when=30', unsynced[1]],
  ])(
    'a failed write to the log, which is its sync too (%s, %j), ends the server; none is tried again',
    async (inject, more) => {
      const all = newWriters(4);
      await using server = underStrace(inject, more);
      const { code, stderr } = await writeInto(server, all);
      expect([code, stderr]).toEqual([6, expect.stringMatching(/writing \S+\.log failed: EIO/)]);
      const [, ...after] = await callsFromFault();
      expectNothingTried(after);
      expect(all.every(({ acknowledged }) => acknowledged > 0)).toBe(true);
      await checkAfter(all);
    },
  );

  it.each([3, 4, 5, 6])('another sync, the %i., that fails ends the server, and nothing is lost', async (nth) => {
    const all = newWriters(4);
    await using server = underStrace(`fdatasync:error=EIO:when=${nth}`);
    const { code, stderr } = await writeInto(server, all);
    expect([code, stderr]).toEqual([6, expect.stringMatching(/writing .* failed: EIO/)]);
    const [failed, ...after] = await callsFromFault();
    const [, file] = /<(.*?)>/.exec(failed) as unknown as [string, string];
    // The log may be in the middle of a write when a checkpoint fails.
    expectNothingTried(after.filter((line) => line.includes(file)));
    await checkAfter(all);
  });

  it.each([['', []], unsynced])(
    '%sa write that finds no room goes into the reserve: nothing is lost, puts are refused',
    async (_name, more) => {
      const all = newWriters(4);
      await using server = underStrace('pwrite64:error=ENOSPC:when=60', more);
      const { url } = JSON.parse(await server.line()) as { url: string };
      await using client = await connect(url);
      await Promise.all(all.map((writer) => writeUntilGone(client, writer)));
      await expect(client.put('k', 'v')).rejects.toThrow('mvcc: database space exceeded');
      await checkWriters(client, all);
      expect((await callsFromFault())[1]).toMatch(/unlink\("\S+reserve"/);
    },
  );

  it('a disk that stays full when the reserve is used up ends it', async () => {
    const all = newWriters(4);
    await using server = underStrace('pwrite64:error=ENOSPC:when=60+');
    const { code, stderr } = await writeInto(server, all);
    expect([code, stderr]).toEqual([6, expect.stringContaining('the disk is full: make room and start again')]);
    await checkAfter(all);
  });

  // All but writes come with checkpoints only, each of which comes after twice as many writes as the one before.
  const kills = calls.split(',').map((call) => {
    return { title: call, call, count: call === 'pwrite64' ? killCalls : Math.min(killCalls, 6), more: [] };
  });
  const killsUnsynced = { title: `${unsynced[0]}pwrite64`, call: 'pwrite64', count: killCalls, more: unsynced[1] };
  it.each([...kills, killsUnsynced])(
    '$title: kill -9 at each of the first $count calls loses nothing',
    async ({ call, count, more }) => {
      const all = newWriters(4);
      for (let nth = 1; nth <= count; nth++) {
        await using server = underStrace(`${call}:signal=SIGKILL:when=${nth}`, more);
        await writeInto(server, all);
        expect(await readFile(trace, 'utf8')).toContain('killed by SIGKILL');
        await checkAfter(all);
      }
    },
  );
};

const withStrace = 'a server whose calls to the kernel fail';
const reason = cannotTrace();
if (reason !== undefined) describeSkipped(withStrace, reason, faults);
else describe(withStrace, faults);

function run(file: string, ...args: string[]): boolean {
  return spawnSync(file, args).status === 0;
}

/**
 * Serves from a disk whose image is taken while the server is stopped, `cutCount` times; each time all must be there.
 */
async function cutPower(cutCount: number, more: readonly string[]): Promise<void> {
  const [image, copy, at] = ['image', 'copy', 'mounted'].map((name) => join(dir, name)) as [string, string, string];
  const all = newWriters(4);
  expect(run('truncate', '-s', '400M', image) && run(makeFs, '-q', image)).toBe(true);
  for (let cut = 0; cut < cutCount; cut++) {
    await mounted(image, at, async () => {
      await using server = conclave([...flags, ...more, '--data', join(at, 'data')]);
      const { url } = JSON.parse(await server.line()) as { url: string };
      await using client = await connect(url);
      await stopAfter(server, client, all, 60 + ((cut * 37) % 200));
      // Of the disk, not of what the kernel has yet to write to it.
      expect(run('cp', '--sparse=always', image, copy)).toBe(true);
      server.kill('SIGKILL');
      await server.ended();
    });
    await rename(copy, image);
    await mounted(image, at, () => checkAfter(all, join(at, 'data')));
  }
}

/** Writes until `count` writes are acknowledged; then the process stands still. */
async function stopAfter(server: Program, client: Conclave, all: readonly Writer[], count: number): Promise<void> {
  let left = count;
  await new Promise<void>((resolve) => {
    const onAcknowledged = () => {
      left -= 1;
      if (left !== 0) return;
      server.kill('SIGSTOP');
      resolve();
    };
    for (const writer of all) void writeUntilGone(client, writer, onAcknowledged);
  });
}

const cuts = () => {
  it(`a power cut, seen from the disk beneath a file system: nothing is lost (${powerCuts} cuts)`, () =>
    cutPower(powerCuts, []));

  it('without syncs it would be seen to lose something', async () => {
    await expect(cutPower(1, unsynced[1])).rejects.toThrow();
  });
};

async function mounted(image: string, at: string, fn: () => Promise<void>): Promise<void> {
  await mkdir(at, { recursive: true });
  if (!run('mount', '-o', 'loop', image, at)) throw new Error(`cannot mount ${image}`);
  try {
    await fn();
  } finally {
    if (!run('umount', at)) run('umount', '-l', at);
  }
}

const onImage = 'a server on a disk of its own';
const unmountable = cannotMount(makeFs, 'truncate', 'cp');
if (unmountable !== undefined) describeSkipped(onImage, unmountable, cuts);
else describe(onImage, cuts);
