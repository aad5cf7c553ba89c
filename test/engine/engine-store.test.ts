import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { EngineStore } from '../../src/engine/engine-store.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import type { WatchListener, WatchSpec } from '../../src/store/store.js';
import { b, op, put, range, show } from './support.js';

let runtime: SimRuntime;
let host: EngineHost;
let store: EngineStore;

beforeEach(() => {
  runtime = new SimRuntime();
  host = new EngineHost(runtime);
  store = new EngineStore(host);
});

afterEach(async () => {
  await store.close();
  expect(host.stats().watchers).toBe(0);
  host.close();
  expect(runtime.pendingTimers).toBe(0);
});

const write = (key: string, value = '') => store.txn({ success: [op.put(key, value)] });

/** A listener that writes down what it hears. */
function recorder(): { heard: string[]; listener: WatchListener } {
  const heard: string[] = [];
  const listener: WatchListener = {
    onCreated: (revision) => heard.push(`created ${revision}`),
    onEvents: (events, revision) => heard.push(`${revision}: ${events.map(({ kv }) => show(kv)).join(', ')}`),
    onEnd: (error) => heard.push(`end ${error.code}: ${error.message}`),
  };
  return { heard, listener };
}

function watch(request: Partial<WatchSpec> = {}, on = store) {
  const { heard, listener } = recorder();
  return { heard, stop: on.watch({ key: b('a'), ...request }, listener) };
}

describe('calls', () => {
  it('answer what the engine answers, each of them', async () => {
    expect((await write('a', '1')).header.revision).toBe(2n);
    expect((await store.range(range({ key: 'a' }))).kvs.map(show)).toEqual(['a=1@2/2/1']);
    expect(await store.leaseGrant({ id: 5n, ttl: 9n })).toMatchObject({ id: 5n, ttl: 9n });
    expect(await store.leaseKeepAlive({ id: 5n })).toMatchObject({ ttl: 9n });
    expect(await store.leaseTimeToLive({ id: 5n })).toMatchObject({ ttl: 9n });
    expect((await store.leaseLeases()).leases).toEqual([{ id: 5n }]);
    expect((await store.leaseRevoke({ id: 5n })).header.revision).toBe(2n);
    expect((await store.compact({ revision: 2n })).header.revision).toBe(2n);
  });

  it('reject with etcd’s errors', async () => {
    await expect(store.range(range({ key: '' }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'etcdserver: key is not provided',
      outcome: 'not-applied',
    });
    await expect(store.leaseRevoke({ id: 1n })).rejects.toMatchObject({ code: 'LEASE_NOT_FOUND' });
  });

  it('never answer before the caller goes on', async () => {
    const order: string[] = [];
    const done = write('a').then(() => order.push('answer'));
    order.push('caller');
    await done;
    expect(order).toEqual(['caller', 'answer']);
  });

  it('honour a signal that has aborted, with its reason, and do nothing', async () => {
    const reason = new Error('enough');
    const call = { signal: AbortSignal.abort(reason) };
    await expect(store.txn({ success: [op.put('a')] }, call)).rejects.toBe(reason);
    await expect(store.leaseGrant({ ttl: 5n }, call)).rejects.toBe(reason);
    expect(host.stats()).toMatchObject({ keys: 0, leases: 0 });
  });

  it('refuse a time limit that is none', async () => {
    const call = { timeoutMs: Number.NaN };
    await expect(store.range(range({ key: 'a' }), call)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('give bytes that the caller may write to', async () => {
    await write('a', '1');
    const { heard, stop } = watch({ startRevision: 2n });
    const read = op.range({ key: 'a' });
    const prev = op.put('a', '1', { prevKv: true });
    const answers = [
      ...(await store.range(range({ key: 'a' }))).kvs,
      ...(await store.txn({ success: [read, op.txn({ success: [read, prev] })] })).responses.flatMap(kvsOf),
    ];
    expect(answers).toHaveLength(4);
    for (const kv of answers) {
      kv.key.fill(0x7a);
      kv.value.fill(0x7a);
    }
    expect((await store.range(range({ key: 'a' }))).kvs.map(show)).toEqual(['a=1@2/3/2']);
    expect(heard).toEqual(['created 2', '2: a=1@2/2/1', '3: a=1@2/3/2']);
    stop();
  });
});

type Op = Awaited<ReturnType<EngineStore['txn']>>['responses'][number];

function kvsOf(each: Op): { key: Uint8Array; value: Uint8Array }[] {
  switch (each.type) {
    case 'range':
      return [...each.response.kvs];
    case 'put':
      return each.response.prevKv === undefined ? [] : [each.response.prevKv];
    case 'txn':
      return each.response.responses.flatMap(kvsOf);
    default:
      return [];
  }
}

describe('watches', () => {
  it('tell created first, then events, none of it before the caller goes on', async () => {
    await write('a', '1');
    const { heard, stop } = watch({ startRevision: 2n });
    const now = watch();
    const writing = write('a', '2');
    expect([heard, now.heard]).toEqual([[], []]);
    await writing;
    await runtime.settle();
    expect(heard).toEqual(['created 2', '2: a=1@2/2/1', '3: a=2@2/3/2']);
    expect(now.heard).toEqual(['created 2', '3: a=2@2/3/2']);
    stop();
    now.stop();
  });

  it('tell nothing after they were ended, not even what was on its way', async () => {
    const { heard, stop } = watch();
    await write('a', '1');
    const writing = write('a', '2');
    stop();
    stop();
    await writing;
    await write('a', '3');
    await runtime.settle();
    expect([heard, host.stats().watchers]).toEqual([['created 1', '2: a=1@2/2/1'], 0]);
  });

  it('end by compaction', async () => {
    for (const value of ['1', '2', '3']) await write('a', value);
    await store.compact({ revision: 3n });
    const { heard } = watch({ startRevision: 2n });
    await runtime.settle();
    expect(heard).toEqual(['created 4', 'end COMPACTED: etcdserver: mvcc: required revision has been compacted']);
  });

  it('that cannot be end at once, without being created', async () => {
    const { heard } = watch({ key: b('b'), rangeEnd: b('a') });
    expect(heard).toEqual([]);
    await runtime.settle();
    expect(heard).toEqual(['end INVALID_ARGUMENT: mvcc: watcher range is empty']);
  });

  it('hear of leases that end', async () => {
    await store.leaseGrant({ id: 1n, ttl: 1n });
    await store.txn({ success: [op.put('a', '', { lease: 1n })] });
    const { heard, stop } = watch();
    await runtime.advance(1_000);
    expect(heard).toEqual(['created 2', '3: a=@0/3/0']);
    stop();
  });
});

describe('close', () => {
  it('ends this store’s watches and calls, and no other’s', async () => {
    const other = new EngineStore(host);
    const mine = watch();
    const its = watch({}, other);
    await store.close();
    await store.close();
    await other.txn({ success: [op.put('a', '1')] });
    await runtime.settle();
    expect(mine.heard).toEqual(['created 1', 'end CLOSED: the embedded store is closed']);
    expect(its.heard).toEqual(['created 1', '2: a=1@2/2/1']);
    await expect(store.range(range({ key: 'a' }))).rejects.toSatisfy((error) => ConclaveError.is(error, 'CLOSED'));
    const late = watch();
    await runtime.settle();
    expect(late.heard).toEqual(['end CLOSED: the embedded store is closed']);
    await other.close();
  });

  it('of the host ends everyone’s', async () => {
    const { heard } = watch();
    host.close();
    await runtime.settle();
    expect(heard).toEqual(['created 1', 'end CLOSED: the embedded store is closed']);
    await expect(store.txn({ success: [{ type: 'put', request: put('a') }] })).rejects.toMatchObject({
      code: 'CLOSED',
    });
    const late = watch();
    await runtime.settle();
    expect(late.heard).toEqual(['end CLOSED: the embedded store is closed']);
  });
});
