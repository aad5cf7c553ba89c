import { expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { EngineStore } from '../../src/engine/engine-store.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { openLocked } from '../../src/storage/durable-host.js';
import { Turn } from '../../src/storage/turn.js';
import { CrashFs } from './support/crash-fs.js';

/** One of the sockets that a turn of the event loop reads: after each, everything that waits for no disk is done. */
function onSocket<T>(fn: () => Promise<T>): Promise<T> {
  return new Promise((resolve) => setImmediate(() => resolve(fn())));
}

it.each([
  [false, 10, 1],
  [true, 2, 1],
])('with gather %s ten sockets of one turn cost %i commits, one %i', async (gather, ofTen, ofOne) => {
  let commits = 0;
  // What makes the file longer is room for them.
  const before = (operation: string, _bytes: number, growth: number) => {
    if (operation === 'write' && growth === 0) commits += 1;
  };
  const fs = new CrashFs({ before });
  const { host, close } = await openLocked({ runtime: new SimRuntime(), dir: '/data', fs, turn: new Turn(gather) });
  const store = new EngineStore(host);
  for (const [sockets, expected] of [
    [10, ofTen],
    [1, ofOne],
    [10, ofTen],
  ] as const) {
    commits = 0;
    const keys = Array.from({ length: sockets }, (_, i) => utf8(`k${i}`));
    const put = (key: Uint8Array) => store.txn({ success: [{ type: 'put', request: { key, value: key } }] });
    await Promise.all(keys.map((key) => onSocket(() => put(key))));
    expect(commits).toBe(expected);
  }
  await close();
});

/** A disk on which a checkpoint's file takes some turns of the event loop to make, and everything else none. */
class SlowCheckpoints extends CrashFs {
  override async create(path: string): ReturnType<CrashFs['create']> {
    const turns = path.includes('.checkpoint') ? 20 : 0;
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    return super.create(path);
  }
}

it('without syncs, too, a checkpoint goes on while somebody writes at each answer', async () => {
  const [fs, turn] = [new SlowCheckpoints(), new Turn(false)];
  const options = { runtime: new SimRuntime(), dir: '/data', fs, turn, checkpointBytes: 1_000 };
  const { host, close } = await openLocked(options);
  const isThere = () => [...fs.files().keys()].some((name) => name.endsWith('.checkpoint'));
  for (let i = 0; !isThere() && i < 1_000; i++) {
    host.put({ key: utf8('k'), value: utf8('v'.repeat(100)) });
    await host.committed();
  }
  expect(isThere()).toBe(true);
  await close();
});
