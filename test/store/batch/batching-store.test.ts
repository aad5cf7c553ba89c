import { describe, expect, it } from 'vitest';
import { type Bytes, prefixEnd, utf8, utf8Text } from '../../../src/core/bytes.js';
import { ConclaveError } from '../../../src/core/errors.js';
import { EngineHost, type EngineHostOptions } from '../../../src/engine/engine-host.js';
import { EngineStore } from '../../../src/engine/engine-store.js';
import { SimRuntime } from '../../../src/sim/sim-runtime.js';
import { type BatchingOptions, BatchingStore } from '../../../src/store/batch/batching-store.js';
import { errorOfStatus, etcdError, etcdErrors, Status } from '../../../src/store/etcd-errors.js';
import type { RangeRequest, RequestOp, TxnRequest } from '../../../src/store/messages.js';
import { createdAt, get, put, rangeAt, remove } from '../../../src/store/ops.js';
import { FaultyStore } from '../../support/faulty-store.js';

/** A batching store over an engine that answers after a while, so that calls meet. */
class Scene {
  readonly sim = new SimRuntime({ seed: 1 });
  readonly network: FaultyStore;
  readonly store: BatchingStore;

  constructor(options: Partial<BatchingOptions> = {}, engine: EngineHostOptions = {}) {
    this.network = new FaultyStore(new EngineStore(new EngineHost(this.sim, engine)), this.sim);
    this.store = new BatchingStore(this.network, { runtime: this.sim, ...options });
  }

  until<T>(promise: Promise<T>): Promise<T> {
    return this.sim.until(promise);
  }

  /** Txns that the network was asked for since `from`. */
  txns(from = 0): TxnRequest[] {
    return this.network.log
      .filter(({ name }) => name === 'txn')
      .slice(from)
      .map(({ request }) => request as TxnRequest);
  }
}

const eight = 8;

/** How many calls each request carried. */
function sizes(requests: readonly TxnRequest[]): number[] {
  return requests.map(({ compare = [], success = [] }) => (compare.length > 0 ? 1 : success.length));
}

/** A lock's first request: a place, if it is not there, and who stands before it. */
function enter(line: string, name: string): TxnRequest {
  return { compare: [createdAt(`${line}/${name}`, 0n)], success: [put(`${line}/${name}`, ''), inLine(line)] };
}

function inLine(line: string): RequestOp {
  return get(`${line}/`, { rangeEnd: prefixEnd(utf8(`${line}/`)) });
}

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function texts(keys: readonly { readonly key: Bytes }[]): string[] {
  return keys.map(({ key }) => utf8Text(key));
}

describe('batches', () => {
  it('BATCH-1: a call that nobody is before goes at once, as it is', async () => {
    const scene = new Scene();
    const request = { success: [put('a', '1')] };
    const answer = scene.store.txn(request);
    await Promise.resolve();
    await Promise.resolve();
    expect(scene.txns()[0]).toBe(request);
    await scene.until(answer);
    const read: RangeRequest = { key: utf8('a') };
    await scene.until(scene.store.range(read));
    expect(scene.network.log.at(-1)).toEqual({ name: 'range', request: read });
  });

  it('BATCH-1: calls of one moment go together', async () => {
    const scene = new Scene();
    const calls = Array.from({ length: 20 }, (_, i) => scene.store.txn({ success: [put(`a/${i}`, '')] }));
    const answers = await scene.until(Promise.all(calls));
    expect(sizes(scene.txns())).toEqual([20]);
    expect(new Set(answers.map(({ header }) => header.revision)).size).toBe(1);
    expect(answers.every(({ succeeded, responses }) => succeeded && responses.length === 1)).toBe(true);
  });

  it('BATCH-2: what comes while eight are under way is gathered, 64 at a time', async () => {
    const scene = new Scene();
    const first: Promise<unknown>[] = [];
    for (let i = 0; i < eight; i++) {
      scene.network.delay('txn', { requestMs: 100 });
      first.push(scene.store.txn({ success: [put(`first/${i}`, '')] }));
      await scene.sim.settle();
    }
    const rest = Array.from({ length: 100 }, (_, i) => scene.store.txn({ success: [put(`rest/${i}`, '')] }));
    await scene.sim.settle();
    expect(sizes(scene.txns())).toEqual(Array(eight).fill(1));
    await scene.until(Promise.all([...first, ...rest]));
    expect(sizes(scene.txns(eight))).toEqual([64, 36]);
  });

  it('BATCH-3: places of one line never share a batch, nor a revision', async () => {
    const scene = new Scene();
    const calls = [enter('x', '1'), enter('y', '1'), enter('x', '2'), enter('z', '1'), enter('x', '3')];
    const answers = await scene.until(Promise.all(calls.map((call) => scene.store.txn(call))));
    const inX = [answers[0], answers[2], answers[4]];
    expect(new Set(inX.map((answer) => answer?.header.revision)).size).toBe(3);
    expect(inX.map((answer) => answer && texts(rangeAt(answer, 1).kvs))).toEqual([
      ['x/1'],
      ['x/1', 'x/2'],
      ['x/1', 'x/2', 'x/3'],
    ]);
    expect(answers[1]?.header.revision).toBe(answers[0]?.header.revision);
  });

  it.each([
    ['keys on a lease', (name: string, leaseId: bigint) => ({ success: [put(name, '', { leaseId })] })],
    ['keys that must be new', (name: string) => ({ compare: [createdAt(name, 0n)], success: [put(name, '')] })],
  ] as const)('BATCH-3: %s in one directory are taken for places of a line', async (_, make) => {
    const scene = new Scene();
    const { id } = await scene.until(scene.store.leaseGrant({ ttl: 60n }));
    const names = ['q/1', 'q/2', 'r/1'];
    const answers = await scene.until(Promise.all(names.map((name) => scene.store.txn(make(name, id)))));
    const [first, second, elsewhere] = answers.map(({ header }) => header.revision);
    expect(second).not.toBe(first);
    expect(elsewhere).toBe(first);
  });

  it.each<[string, TxnRequest, TxnRequest]>([
    [
      'writes a key that the other reads',
      { success: [put('a', '')] },
      { compare: [createdAt('b', 0n)], success: [get('a')] },
    ],
    ['writes a key that the other compares', { success: [put('a', '')] }, { compare: [createdAt('a', 0n)] }],
    [
      'writes into a range that the other reads',
      { success: [put('a/1', '')] },
      { compare: [createdAt('b', 0n)], success: [inLine('a')] },
    ],
    [
      'deletes a range in which the other puts',
      { success: [remove('a/', { rangeEnd: 'a0' })] },
      { success: [put('a/1', '')] },
    ],
    ['writes only in its else', { compare: [createdAt('b', 9n)], failure: [put('a', '')] }, { success: [get('a')] }],
    [
      'writes only in a nested txn',
      { success: [{ type: 'txn', request: { success: [put('a', '')] } }] },
      { success: [get('a')] },
    ],
    ['writes the same key', { success: [put('a', '1')] }, { success: [put('a', '2')] }],
  ])('BATCH-3: a call that %s goes apart, and after it', async (_, first, second) => {
    const scene = new Scene();
    const order = [first, second].map((request) => scene.store.txn(request));
    const other = scene.store.txn({ success: [put('other', '')] });
    await scene.until(Promise.all([...order, other]));
    expect(scene.txns()).toHaveLength(2);
    const turned = new Scene();
    await turned.until(Promise.all([second, first].map((request) => turned.store.txn(request))));
    expect(turned.txns()).toHaveLength(2);
  });

  it('BATCH-3: reads of one key, and a guard that many calls have, are in nobody’s way', async () => {
    const scene = new Scene();
    const guarded = Array.from({ length: 10 }, (_, i) =>
      scene.store.txn({ compare: [createdAt('guard', 0n)], success: [put(`a/${i}`, ''), get('seen')] }),
    );
    const answers = await scene.until(Promise.all(guarded));
    expect(scene.txns()).toHaveLength(1);
    expect(answers.every(({ succeeded, header }) => succeeded && header.clusterId !== 0n)).toBe(true);
  });

  it('BATCH-3: nobody overtakes a call that touches the same and was left out', async () => {
    const scene = new Scene();
    const calls = [
      scene.store.txn({ success: [put('a', '1')] }),
      scene.store.txn({ success: [put('a', '2'), put('b', '2')] }),
      scene.store.txn({ success: [put('b', '3')] }),
    ];
    await scene.until(Promise.all(calls));
    const { kvs } = await scene.until(scene.store.range({ key: utf8('a'), rangeEnd: utf8('c') }));
    expect(kvs.map(({ value }) => utf8Text(value))).toEqual(['2', '3']);
  });

  it('BATCH-4: a batch that is refused goes again call by call, and each has its own answer', async () => {
    const scene = new Scene();
    const calls = [
      scene.store.txn({ success: [put('a', '')] }),
      scene.store.txn({ success: [put('b', '', { leaseId: 77n })] }),
      scene.store.txn({ compare: [createdAt('c', 5n)], success: [put('c', '')], failure: [get('c')] }),
      scene.store.txn({ success: [{ type: 'range', request: { key: utf8('d'), revision: 99n } }] }),
    ];
    const results = await scene.until(Promise.allSettled(calls));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(results[1]).toMatchObject({ reason: { code: 'LEASE_NOT_FOUND', outcome: 'not-applied' } });
    expect(results[2]).toMatchObject({ value: { succeeded: false } });
    expect(results[3]).toMatchObject({ reason: { code: 'FUTURE_REVISION' } });
  });

  it('BATCH-4: a request that no store takes spoils no batch', async () => {
    const scene = new Scene();
    const calls = [
      scene.store.txn({ success: [put('a', '')] }),
      scene.store.txn({ success: [put('', '')] }),
      scene.store.txn({ success: [put('b', '')] }),
    ];
    const results = await scene.until(Promise.allSettled(calls));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(scene.network.counts.txn).toBeLessThanOrEqual(3);
  });

  it('BATCH-5: a batch of unknown fate is of unknown fate for each, and never sent again', async () => {
    const scene = new Scene();
    scene.network.loseReply('txn');
    const calls = [1, 2, 3].map((i) => scene.store.txn({ success: [put(`a/${i}`, '')] }));
    const results = await scene.until(Promise.allSettled(calls));
    for (const result of results) expect(result).toMatchObject({ reason: { code: 'UNAVAILABLE', outcome: 'unknown' } });
    expect(scene.network.counts.txn).toBe(1);
    const { count } = await scene.until(scene.store.range({ key: utf8('a/'), rangeEnd: utf8('a0') }));
    expect(count).toBe(3n);
  });

  it.each([
    ['cannot be reached', new ConclaveError('UNAVAILABLE', 'cannot reach it')],
    ['has too much to do', etcdError('tooManyRequests')],
    ['knows nobody', etcdError('invalidAuthToken')],
  ])('BATCH-5: a store that %s is not asked once for each', async (_, error) => {
    const scene = new Scene();
    scene.network.refuse('txn', error);
    const calls = [1, 2, 3].map((i) => failure(scene.store.txn({ success: [put(`a/${i}`, '')] })));
    expect(await scene.until(Promise.all(calls))).toEqual([error, error, error]);
    expect(scene.network.counts.txn).toBe(1);
  });

  it('BATCH-5: a store without room may have done it; from then on puts and the rest go apart', async () => {
    const scene = new Scene();
    const full = errorOfStatus(Status.resourceExhausted, etcdErrors.noSpace.text);
    const both = () => [scene.store.txn({ success: [put('a', '')] }), scene.store.txn({ success: [remove('b')] })];
    scene.network.refuse('txn', full);
    expect(await scene.until(Promise.all(both().map(failure)))).toEqual([full, full]);
    expect(full.outcome).toBe('unknown');
    await scene.until(Promise.all(both()));
    expect(sizes(scene.txns())).toEqual([2, 1, 1]);
  });

  it('BATCH-6: learns how many operations the server takes', async () => {
    const scene = new Scene({}, { maxTxnOps: 16 });
    const round = async (n: number) => {
      const calls = Array.from({ length: 40 }, (_, i) =>
        scene.store.txn({ compare: [createdAt(`no/${i}`, 0n)], success: [put(`a/${n}/${i}`, ''), get('b')] }),
      );
      await scene.until(Promise.all(calls));
    };
    await round(1);
    const { txn } = scene.network.counts;
    // 42 operations were refused, then 21, then 10 taken.
    await round(2);
    await round(3);
    const before = scene.network.counts.txn;
    await round(4);
    expect(scene.network.counts.txn - before).toBe(5);
    expect(txn).toBe(41);
  });

  it('BATCH-6: keeps below 128 operations and 1 MiB by itself', async () => {
    const scene = new Scene();
    const wide = Array.from({ length: 4 }, (_, n) =>
      scene.store.txn({ success: Array.from({ length: 50 }, (_, i) => put(`wide/${n}/${i}`, '')) }),
    );
    await scene.until(Promise.all(wide));
    expect(sizes(scene.txns())).toEqual([100, 100]);
    const value = 'x'.repeat(400_000);
    const large = [1, 2, 3].map((i) => scene.store.txn({ success: [put(`large/${i}`, value)] }));
    await scene.until(Promise.all(large));
    expect(sizes(scene.txns(2))).toEqual([2, 1]);
  });

  it('BATCH-7: an abort ends one call and no other', async () => {
    const scene = new Scene({ inFlightMax: 1 });
    scene.network.delay('txn', { requestMs: 100 });
    const before = scene.store.txn({ success: [put('before', '')] });
    await scene.sim.settle();
    const [queued, underWay] = [new AbortController(), new AbortController()];
    const calls = [
      failure(scene.store.txn({ success: [put('a/1', '')] }, { signal: queued.signal })),
      failure(scene.store.txn({ success: [put('a/2', '')] }, { signal: underWay.signal })),
      failure(scene.store.txn({ success: [put('a/3', '')] })),
    ];
    const reason = new Error('enough');
    queued.abort(reason);
    scene.network.delay('txn', { requestMs: 100 });
    await scene.until(before);
    await scene.sim.settle();
    underWay.abort(reason);
    expect(await scene.until(Promise.all(calls))).toEqual([reason, reason, undefined]);
    const { kvs } = await scene.until(scene.store.range({ key: utf8('a/'), rangeEnd: utf8('a0') }));
    // The first was not sent any more, the second was.
    expect(texts(kvs)).toEqual(['a/2', 'a/3']);
  });

  it('BATCH-7: a call has its own time, also while it waits', async () => {
    const scene = new Scene({ inFlightMax: 1 });
    const startedMs = scene.sim.monotonicMs();
    const timed = async (name: string, timeoutMs?: number) => {
      const error = await failure(scene.store.txn({ success: [put(name, '')] }, { timeoutMs }));
      const { code, outcome } = error as ConclaveError;
      return `${name} ${code} ${outcome} after ${Math.round(scene.sim.monotonicMs() - startedMs)} ms`;
    };
    scene.network.partition();
    const underWay = timed('alone');
    await scene.sim.settle();
    const calls = [underWay, timed('short', 200), timed('long', 9_000), timed('longer', 12_000)];
    await scene.sim.advance(2_000);
    calls.push(timed('usual'));
    await scene.sim.advance(20_000);
    expect(await scene.until(Promise.all(calls))).toEqual([
      'alone TIMEOUT unknown after 5000 ms',
      'short TIMEOUT not-applied after 200 ms',
      'long TIMEOUT unknown after 9000 ms',
      'longer TIMEOUT unknown after 12000 ms',
      'usual TIMEOUT unknown after 7000 ms',
    ]);
  });

  it('BATCH-7: a call has no more time for going with one that has', async () => {
    const scene = new Scene();
    scene.network.partition();
    const usual = failure(scene.store.txn({ success: [put('usual', '')] }));
    const long = failure(scene.store.txn({ success: [put('long', '')] }, { timeoutMs: 60_000 }));
    expect(await scene.until(usual)).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    expect(scene.sim.nowMs).toBe(5_000);
    expect(await scene.until(long)).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    expect(scene.network.counts.txn).toBe(1);
  });

  it('BATCH-7: a call whose time has passed while it waited is not sent', async () => {
    const scene = new Scene({ inFlightMax: 1 });
    scene.network.partition();
    const first = failure(scene.store.txn({ success: [put('first', '')] }));
    await scene.sim.settle();
    const second = failure(scene.store.txn({ success: [put('second', '')] }));
    expect(await scene.until(first)).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    expect(await scene.until(second)).toMatchObject({ code: 'TIMEOUT', outcome: 'not-applied' });
    expect(scene.network.counts.txn).toBe(1);
  });

  it('BATCH-8: where the store knows users only what is flat is gathered', async () => {
    const scene = new Scene({ nests: false });
    const calls = [
      scene.store.txn({ compare: [createdAt('a', 0n)], success: [put('a', '')] }),
      scene.store.txn({ success: [put('b', '')] }),
      scene.store.txn({ success: [put('c', ''), get('b/')] }),
      scene.store.txn({ compare: [createdAt('d', 0n)], success: [put('d', '')] }),
    ];
    await scene.until(Promise.all(calls));
    expect(
      scene
        .txns()
        .flatMap(({ success = [] }) => success)
        .every(({ type }) => type !== 'txn'),
    ).toBe(true);
    expect(scene.txns()).toHaveLength(3);
  });

  it('BATCH-9: reads of one key go together, and with no write', async () => {
    const scene = new Scene();
    await scene.until(scene.store.txn({ success: [put('a/1', 'one'), put('a/2', 'two')] }));
    const reads = ['a/1', 'a/2', 'a/3', 'a/1'].map((key) => scene.store.range({ key: utf8(key) }));
    const write = scene.store.txn({ success: [put('a/1', 'three')] });
    const answers = await scene.until(Promise.all(reads));
    await scene.until(write);
    expect(answers.map(({ kvs, count }) => [kvs.map(({ value }) => utf8Text(value)).join(), count])).toEqual([
      ['one', 1n],
      ['two', 1n],
      ['', 0n],
      ['one', 1n],
    ]);
    expect(answers.every(({ header }) => header.revision === 2n && header.memberId !== 0n)).toBe(true);
    expect(
      scene
        .txns(1)
        .find(({ success = [] }) => success.length === 4)
        ?.success?.every(({ type }) => type === 'range'),
    ).toBe(true);
  });

  it.each<[string, RangeRequest]>([
    ['of a range', { key: utf8('a'), rangeEnd: utf8('b') }],
    ['that may be old', { key: utf8('a'), serializable: true }],
    ['of the past', { key: utf8('a'), revision: 1n }],
  ])('BATCH-9: a read %s goes as it is', async (_, request) => {
    const scene = new Scene();
    await scene.until(Promise.all([scene.store.range(request), scene.store.range(request)]));
    expect(scene.network.counts).toMatchObject({ range: 2, txn: 0 });
  });
});
