import { fork } from 'node:child_process';
import {
  chmod,
  type FileHandle,
  mkdir,
  mkdtemp,
  open as openFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { connect } from '../../src/index.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type DurableHost, openDurableHost } from '../../src/storage/durable-host.js';
import { expectNoLeaks } from '../support/leaks.js';

expectNoLeaks();

let base: string;
let dir: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'conclave-dir-'));
  dir = join(base, 'data');
});

afterEach(() => rm(base, { recursive: true }));

const runtime = new NodeRuntime();

function open(at = dir, options: { checkpointBytes?: number; fsync?: boolean } = {}): Promise<DurableHost> {
  return openDurableHost({ runtime, dir: at, pid: process.pid, ...options });
}

async function refusal(promise: Promise<DurableHost>): Promise<ConclaveError> {
  try {
    await (await promise).close();
  } catch (error) {
    if (ConclaveError.is(error)) return error;
    throw error;
  }
  throw new Error('opened');
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe('a data directory', () => {
  it('is made, with everything in it for its owner alone; what others may is taken back', async () => {
    const first = await open(join(dir, 'deep'));
    await first.close();
    await chmod(join(dir, 'deep'), 0o755);
    const again = await open(join(dir, 'deep'), { checkpointBytes: 1 });
    for (let i = 0; i < 5; i++) {
      again.host.put({ key: utf8('a') });
      await again.host.committed();
    }
    expect(await modeOf(join(dir, 'deep'))).toBe('700');
    const lock = (await readdir(join(dir, 'deep'))).find((name) => name.startsWith('lock.')) as string;
    expect(await modeOf(join(dir, 'deep', lock))).toBe('600');
    await again.close();
    const names = await readdir(join(dir, 'deep'));
    for (const name of names) expect([name, await modeOf(join(dir, 'deep', name))]).toEqual([name, '600']);
    expect(names.filter((name) => !/^\d{10}\.(log|checkpoint)$/.test(name))).toEqual([]);
  });

  it('keeps keys, history, compaction, leases and who it is; each lease gets its whole time again', async () => {
    const first = await open();
    first.host.leaseGrant({ id: 7n, ttl: 100n });
    first.host.put({ key: utf8('a'), value: utf8('1') });
    first.host.put({ key: utf8('a'), value: utf8('2'), lease: 7n });
    first.host.put({ key: utf8('b') });
    first.host.compact({ revision: 3n });
    const range = { key: utf8('a'), rangeEnd: utf8('z') };
    const before = [first.host.range(range), first.host.range({ ...range, revision: 3n })];
    await first.close();
    const again = await open();
    expect([again.host.range(range), again.host.range({ ...range, revision: 3n })]).toEqual(before);
    expect(again.host.leaseTimeToLive({ id: 7n, keys: true })).toMatchObject({ grantedTtl: 100n, keys: [utf8('a')] });
    expect(again.host.leaseTimeToLive({ id: 7n }).ttl).toBeGreaterThan(98n);
    expect(() => again.host.range({ ...range, revision: 2n })).toThrow('compacted');
    again.host.leaseRevoke({ id: 7n });
    expect(again.host.range(range)).toMatchObject({ count: 1n, header: { revision: 5n } });
    await again.close();
  });

  it('has each name on the way to it synced, if it was made', async () => {
    const handle = await openFile(base);
    const synced: number[] = [];
    const sync = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, 'sync');
    sync.mockImplementation(async function (this: FileHandle) {
      synced.push((await this.stat()).ino);
    });
    await (await open(join(dir, 'very', 'deep'))).close();
    sync.mockRestore();
    await handle.close();
    const above = await Promise.all([base, dir, join(dir, 'very')].map(async (each) => (await stat(each)).ino));
    expect(synced).toEqual(expect.arrayContaining(above));
  });

  it('does not grow with what is overwritten and compacted', async () => {
    const opened = await open(dir, { checkpointBytes: 20_000 });
    const value = Buffer.alloc(1_000, 'x');
    for (let i = 0; i < 500; i++) {
      const { header } = opened.host.put({ key: utf8('a'), value });
      opened.host.compact({ revision: header.revision });
      await opened.host.committed();
    }
    await opened.close();
    const sizes = await Promise.all((await readdir(dir)).map(async (name) => (await stat(join(dir, name))).size));
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(100_000);
    const again = await open();
    expect(again.host.range({ key: utf8('a') }).kvs[0]).toMatchObject({ version: 500n });
    await again.close();
  });

  it('that holds something else is left alone', async () => {
    await mkdir(dir, { mode: 0o755 });
    await writeFile(join(dir, 'thesis.txt'), '');
    const error = await refusal(open());
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(error.message).toContain('holds no store, but other files, as "thesis.txt"');
    expect([await modeOf(dir), await readdir(dir)]).toEqual(['755', ['thesis.txt']]);
  });

  it('that is a file, or where a link stands for a log, is refused', async () => {
    await writeFile(dir, '');
    expect((await refusal(open())).message).toMatch(/cannot open the store in .*ENOTDIR/);
    await rm(dir);
    await (await open()).close();
    await rename(join(dir, '0000000001.log'), join(base, 'elsewhere'));
    await symlink(join(base, 'elsewhere'), join(dir, '0000000001.log'));
    expect((await refusal(open())).message).toContain('a symbolic link stands where a file of the store should');
  });
});

describe('one process at a time', () => {
  it('a second is told who has it, and may once that is gone', async () => {
    const first = await open();
    const error = await refusal(open());
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(error.message).toContain(`${dir} is in use by process ${process.pid}`);
    await first.close();
    await (await open()).close();
  });

  it('of many at once at most one comes in', async () => {
    for (let round = 0; round < 10; round++) {
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => open()));
      const opened = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      expect(opened.length).toBeLessThanOrEqual(1);
      for (const each of opened) await each.close();
    }
    await (await open()).close();
    expect((await readdir(dir)).filter((name) => name.startsWith('lock.'))).toEqual([]);
  });

  it('a path too long for a socket is locked too', async () => {
    const long = join(base, 'd'.repeat(120), 'e'.repeat(120));
    const first = await open(long);
    expect((await refusal(open(long))).message).toContain(`in use by process ${process.pid}`);
    await first.close();
    await (await open(long)).close();
  });

  it('a lock that kill -9 left is cleared away', async () => {
    const script = `
      require('node:net').createServer().listen(process.argv[1], () => process.send('there'));
    `;
    await mkdir(dir, { mode: 0o700 });
    const file = join(base, 'holder.cjs');
    await writeFile(file, script.replace('argv[1]', 'argv[2]'));
    const holder = fork(file, [join(dir, 'lock.4711.00ff')]);
    await new Promise((resolve) => holder.once('message', resolve));
    expect((await refusal(open())).message).toContain('in use by process 4711');
    const exited = new Promise((resolve) => holder.once('exit', resolve));
    holder.kill('SIGKILL');
    await exited;
    expect(await readdir(dir)).toEqual(['lock.4711.00ff']);
    const opened = await open();
    expect((await readdir(dir)).filter((name) => name.startsWith('lock.4711'))).toEqual([]);
    await opened.close();
  });
});

describe("connect('file:…')", () => {
  it('keeps what was put; locks hold; a second connection is refused while the first is open', async () => {
    const first = await connect(`file:${dir}`);
    await first.put('a', 'b');
    const fence = await first.withLock('x', async (held) => held.fence);
    await expect(connect(`file:${dir}`)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await first.close();
    await using again = await connect(`file://${dir}`);
    expect((await again.get('a'))?.version).toBe(1n);
    expect(await again.withLock('x', async (held) => held.fence > fence)).toBe(true);
  });
});
