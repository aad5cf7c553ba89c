import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { deferred } from '../../src/core/deferred.js';
import { ConclaveError } from '../../src/core/errors.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import type { RangeResponse, TxnResponse } from '../../src/store/messages.js';
import type { Credentials } from '../../src/wire/auth-token.js';
import { LoopbackChannel } from '../../src/wire/loopback-channel.js';
import { authMethods, kvMethods, leaseMethods, type UnaryMethod } from '../../src/wire/methods.js';
import type { RpcChannel, RpcOptions } from '../../src/wire/rpc-channel.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { putTxn, ToldWatch } from '../support/remote-stores.js';
import { creates, header, ScriptedService, watchResponse } from '../support/scripted-service.js';

const key = utf8('k');
const rangeAnswer = (count: bigint): RangeResponse => ({ header: header(1n), kvs: [], more: false, count });
const txnAnswer: TxnResponse = { header: header(2n), succeeded: true, responses: [] };
const never = <T>() => new Promise<T>(() => {});

/** An endpoint where nothing listens: no call leaves. */
class DeadChannel extends LoopbackChannel {
  calls = 0;

  override async unary<Request, Response>(
    _method: UnaryMethod<Request, Response>,
    _request: Request,
    _options: RpcOptions,
  ): Promise<Response> {
    this.calls += 1;
    throw new ConclaveError('UNAVAILABLE', `cannot reach ${this.endpoint}`);
  }
}

function setUp(options: { endpoints?: number; credentials?: Credentials; dead?: boolean } = {}) {
  const runtime = new SimRuntime();
  const services = Array.from({ length: options.endpoints ?? 1 }, () => new ScriptedService());
  const live: RpcChannel[] = services.map((service, i) => new LoopbackChannel(service, `endpoint-${i}`));
  const dead = new DeadChannel(new ScriptedService(), 'dead');
  const channels = options.dead === true ? [dead, ...live] : live;
  const store = new RpcStore({ channels, runtime, credentials: options.credentials });
  return { runtime, services, service: services[0] as ScriptedService, dead, store };
}

/** A txn that writes nothing may be sent again, as reads are. */
const write = putTxn('k', 'v');

describe('calls over several endpoints', () => {
  it('reads from one endpoint after another, each once, and stays with the one that answered', async () => {
    const { services, store } = setUp({ endpoints: 3 });
    const asked: number[] = [];
    for (const [i, service] of services.entries()) {
      service.on(kvMethods.range, async () => {
        asked.push(i);
        if (i < 2) throw etcdError('noLeader');
        return rangeAnswer(BigInt(i));
      });
    }
    expect((await store.range({ key })).count).toBe(2n);
    expect((await store.range({ key })).count).toBe(2n);
    expect(asked).toEqual([0, 1, 2, 2]);
  });

  it('gives up a read when every endpoint has failed', async () => {
    const { services, store } = setUp({ endpoints: 3 });
    let asked = 0;
    for (const service of services) {
      service.on(kvMethods.range, async () => {
        asked += 1;
        throw etcdError('noLeader');
      });
    }
    await expect(store.range({ key })).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'etcdserver: no leader' });
    expect(asked).toBe(3);
  });

  it('never repeats a write whose fate is unknown, but asks the next endpoint the next time', async () => {
    const { services, store } = setUp({ endpoints: 2 });
    const asked: number[] = [];
    for (const [i, service] of services.entries()) {
      const fail = async () => {
        asked.push(i);
        throw etcdError('requestTimedOut');
      };
      service.on(kvMethods.txn, fail).on(leaseMethods.grant, fail).on(kvMethods.compact, fail);
    }
    const unknown = { code: 'UNAVAILABLE', outcome: 'unknown', retryable: true };
    await expect(store.txn(write)).rejects.toMatchObject(unknown);
    await expect(store.leaseGrant({ ttl: 5n })).rejects.toMatchObject(unknown);
    await expect(store.compact({ revision: 1n })).rejects.toMatchObject(unknown);
    expect(asked).toEqual([0, 1, 0]);
  });

  it('leaves an endpoint once when several calls fail at it together', async () => {
    const { services, store } = setUp({ endpoints: 2 });
    services[0]?.on(kvMethods.txn, async () => {
      throw etcdError('stopped');
    });
    services[1]?.on(kvMethods.txn, async () => txnAnswer);
    const results = await Promise.allSettled([store.txn(write), store.txn(write)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await store.txn(write)).toEqual(txnAnswer);
  });

  it('sends a write to the next endpoint if it certainly was not applied at the first', async () => {
    const { service, dead, store } = setUp({ dead: true });
    service.on(kvMethods.txn, async () => txnAnswer);
    expect(await store.txn({})).toEqual(txnAnswer);
    expect(await store.txn({})).toEqual(txnAnswer);
    expect(dead.calls).toBe(1);
  });

  it('asks no other endpoint when the server has said no', async () => {
    const { services, store } = setUp({ endpoints: 2 });
    let asked = 0;
    for (const service of services) {
      service.on(kvMethods.range, async () => {
        asked += 1;
        throw etcdError('compacted');
      });
    }
    await expect(store.range({ key })).rejects.toMatchObject({ code: 'COMPACTED', outcome: 'not-applied' });
    expect(asked).toBe(1);
  });

  it('leaves an endpoint after the patience of a call that waits on', async () => {
    const { runtime, services, store } = setUp({ endpoints: 2 });
    const late = deferred<RangeResponse>();
    services[0]?.on(kvMethods.range, () => late.promise);
    services[1]?.on(kvMethods.range, async () => rangeAnswer(1n));
    const first = store.range({ key }, { patienceMs: 600 });
    await runtime.advance(600);
    expect((await store.range({ key })).count).toBe(1n);
    late.resolve(rangeAnswer(7n));
    expect((await first).count).toBe(7n);
    expect(runtime.pendingTimers).toBe(0);
  });

  it('leaves an endpoint that does not answer', async () => {
    const { runtime, services, store } = setUp({ endpoints: 2 });
    services[0]?.on(kvMethods.range, () => never());
    services[1]?.on(kvMethods.range, async () => rangeAnswer(1n));
    const first = store.range({ key });
    await expect(runtime.until(first)).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    expect(runtime.nowMs).toBe(5_000);
    expect((await store.range({ key })).count).toBe(1n);
    expect(runtime.pendingTimers).toBe(0);
  });
});

describe('the end of a call', () => {
  it('rejects with the reason of the signal itself and cancels the call', async () => {
    const { runtime, service, store } = setUp();
    let cancelled = false;
    service.on(kvMethods.range, (_request, { signal }) => {
      signal.addEventListener('abort', () => {
        cancelled = true;
      });
      return never();
    });
    const controller = new AbortController();
    const reading = store.range({ key }, { signal: controller.signal });
    const reason = new Error('enough');
    await runtime.settle();
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect(cancelled).toBe(true);
    await expect(store.range({ key }, { signal: controller.signal })).rejects.toBe(reason);
    expect(runtime.pendingTimers).toBe(0);
  });

  it('leaves no listener on the signal, and no timer', async () => {
    const { runtime, service, store } = setUp();
    service.on(kvMethods.range, async () => rangeAnswer(1n));
    const { signal } = new AbortController();
    await store.range({ key }, { signal, patienceMs: 100 });
    expect([getEventListeners(signal, 'abort'), runtime.pendingTimers]).toEqual([[], 0]);
  });

  it('takes the time of the call before that of the store, and refuses what is no time', async () => {
    const { runtime, service, store } = setUp();
    service.on(kvMethods.txn, () => never());
    const call = store.txn({}, { timeoutMs: 70 });
    await expect(runtime.until(call)).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'Txn: no answer within 70 ms',
    });
    expect(runtime.nowMs).toBe(70);
    await expect(store.txn({}, { timeoutMs: Number.NaN })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('rejects with CLOSED what is under way when the store closes, and all later calls', async () => {
    const { runtime, service, store } = setUp();
    service.on(kvMethods.txn, () => never());
    const call = store.txn({});
    const beat = store.leaseKeepAlive({ id: 1n });
    await runtime.settle();
    const closing = store.close();
    await expect(call).rejects.toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
    await expect(beat).rejects.toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
    await closing;
    await store.close();
    await expect(store.txn({})).rejects.toMatchObject({ code: 'CLOSED', outcome: 'not-applied' });
    expect(service.keepAlives[0]?.cancelled).toBe(true);
    expect(runtime.pendingTimers).toBe(0);
  });

  it('needs at least one channel', () => {
    expect(() => new RpcStore({ channels: [], runtime: new SimRuntime() })).toThrowError(/at least one endpoint/);
  });
});

describe('calls with credentials', () => {
  const credentials = { username: 'alice', password: 'pw' };

  /** A server that knows the token `t<n>` for the n-th authentication, as long as `valid` says so. */
  function withTokens(valid: (token: string | undefined) => boolean) {
    const parts = setUp({ credentials });
    const log: string[] = [];
    parts.service
      .on(authMethods.authenticate, async ({ name, password }) => {
        log.push(`${name}:${password}`);
        return { header: header(1n), token: `t${log.length}` };
      })
      .on(kvMethods.txn, async (_request, { metadata }) => {
        if (!valid(metadata.token)) throw etcdError('invalidAuthToken');
        return txnAnswer;
      });
    return { ...parts, log };
  }

  it('authenticates once for concurrent first calls', async () => {
    const { store, log } = withTokens((token) => token === 't1');
    await Promise.all([store.txn({}), store.txn({}), store.txn({})]);
    expect(log).toEqual(['alice:pw']);
  });

  it('fetches a new token once when the old one is refused, and repeats the calls', async () => {
    let current = 't1';
    const { store, log } = withTokens((token) => token === current);
    await store.txn({});
    current = 't2';
    await Promise.all([store.txn({}), store.txn({})]);
    expect(log).toHaveLength(2);
  });

  it('believes the refusal of a new token', async () => {
    const { store, log } = withTokens(() => false);
    await expect(store.txn({})).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(log).toHaveLength(2);
  });

  it('goes on without a token where authentication is not enabled', async () => {
    const { service, store } = withTokens((token) => token === undefined);
    service.on(authMethods.authenticate, async () => {
      throw etcdError('authNotEnabled');
    });
    expect(await store.txn({})).toEqual(txnAnswer);
  });

  it('tells that nothing was applied when the token could not be fetched, and tries again the next time', async () => {
    const { runtime, service, store } = withTokens(() => true);
    service.on(authMethods.authenticate, () => never());
    await expect(runtime.until(store.txn({}, { timeoutMs: 60_000 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
      outcome: 'not-applied',
    });
    service.on(authMethods.authenticate, async () => {
      throw etcdError('authFailed');
    });
    await expect(store.txn({})).rejects.toMatchObject({ code: 'UNAUTHENTICATED', outcome: 'not-applied' });
    expect(runtime.pendingTimers).toBe(0);
  });
});

describe('watches with credentials', () => {
  it('move to a stream with a new token when the old one is refused', async () => {
    const { runtime, service, store } = setUp({ credentials: { username: 'alice', password: 'pw' } });
    let count = 0;
    service.on(authMethods.authenticate, async () => ({ header: header(1n), token: `t${++count}` }));
    const first = new ToldWatch(store, { key });
    await runtime.settle();
    service.watches[0]?.send(watchResponse({ created: true, revision: 4n }));
    const second = new ToldWatch(store, { key });
    await runtime.settle();
    const cancelReason = 'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token';
    service.watches[0]?.send(
      watchResponse({ created: true, canceled: true, watchId: -1n, revision: 4n, cancelReason }),
    );
    await runtime.advance(100);
    expect(service.watches.map((call) => call.metadata.token)).toEqual(['t1', 't2']);
    expect(service.watches[0]?.cancelled).toBe(true);
    expect(creates(service.watches[1]).map(({ startRevision }) => startRevision)).toEqual([5n, 0n]);
    expect([first.error, second.error]).toEqual([undefined, undefined]);
    await store.close();
    expect(runtime.pendingTimers).toBe(0);
  });

  it('end when new tokens are refused too', async () => {
    const { runtime, service, store } = setUp({ credentials: { username: 'alice', password: 'pw' } });
    service.on(authMethods.authenticate, async () => ({ header: header(1n), token: 't' }));
    const log = new ToldWatch(store, { key });
    // Each turn plays one stream; the store must give up before the turns do.
    for (let i = 0; i < 5 && log.error === undefined; i++) {
      await runtime.advance(1_000);
      service.watches[i]?.end(etcdError('invalidAuthToken'));
      await runtime.settle();
    }
    expect(log.error).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(service.watches).toHaveLength(3);
    expect(runtime.pendingTimers).toBe(0);
  });
});

describe('heartbeats', () => {
  const kept = (id: bigint, ttl: bigint) => ({ header: header(1n), id, ttl });

  it('share one stream and get their answers in the order sent, per lease', async () => {
    const { runtime, service, store } = setUp();
    const beats = [
      store.leaseKeepAlive({ id: 1n }),
      store.leaseKeepAlive({ id: 2n }),
      store.leaseKeepAlive({ id: 1n }),
    ];
    await runtime.settle();
    const [call] = service.keepAlives;
    expect(call?.received).toEqual([{ id: 1n }, { id: 2n }, { id: 1n }]);
    expect(call?.metadata).toEqual({ hasleader: 'true' });
    call?.send(kept(2n, 20n), kept(1n, 10n), kept(1n, 0n));
    expect((await Promise.all(beats)).map(({ ttl }) => ttl)).toEqual([10n, 20n, 0n]);
    expect(service.keepAlives).toHaveLength(1);
    await store.close();
    await runtime.settle();
    expect(call?.cancelled).toBe(true);
  });

  it('fail with the stream, and the next opens a new one', async () => {
    const { runtime, service, store } = setUp();
    const beats = [store.leaseKeepAlive({ id: 1n }), store.leaseKeepAlive({ id: 2n })];
    await runtime.settle();
    service.keepAlives[0]?.end();
    for (const beat of beats) {
      await expect(beat).rejects.toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown', retryable: true });
    }
    const next = store.leaseKeepAlive({ id: 1n });
    await runtime.settle();
    service.keepAlives[1]?.send(kept(1n, 5n));
    expect((await next).ttl).toBe(5n);
    await store.close();
  });

  it('do not take the answer of an earlier one that was given up', async () => {
    const { runtime, service, store } = setUp();
    const controller = new AbortController();
    const given = store.leaseKeepAlive({ id: 1n }, { signal: controller.signal });
    const second = store.leaseKeepAlive({ id: 1n });
    await runtime.settle();
    controller.abort(new Error('enough'));
    await expect(given).rejects.toThrowError('enough');
    service.keepAlives[0]?.send(kept(1n, 10n), kept(1n, 9n));
    expect((await second).ttl).toBe(9n);
    await store.close();
  });

  it('do not queue behind one that was left unanswered, though there is one endpoint only', async () => {
    const { runtime, service, store } = setUp();
    await expect(runtime.until(store.leaseKeepAlive({ id: 1n }, { timeoutMs: 600 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    const next = store.leaseKeepAlive({ id: 1n });
    await runtime.settle();
    expect(service.keepAlives[0]?.cancelled).toBe(true);
    service.keepAlives[1]?.send(kept(1n, 5n));
    expect((await next).ttl).toBe(5n);
    await store.close();
  });

  it('move to a new stream, at the next endpoint, after one was left unanswered', async () => {
    const { runtime, services, store } = setUp({ endpoints: 2 });
    const hangs = store.leaseKeepAlive({ id: 1n }, { timeoutMs: 600 });
    const waits = store.leaseKeepAlive({ id: 2n }, { timeoutMs: 2_000 });
    await expect(runtime.until(hangs)).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    const next = store.leaseKeepAlive({ id: 1n });
    await runtime.settle();
    services[1]?.keepAlives[0]?.send(kept(1n, 5n));
    expect((await next).ttl).toBe(5n);
    expect(services[0]?.keepAlives[0]?.cancelled).toBe(false);
    services[0]?.keepAlives[0]?.send(kept(1n, 5n), kept(2n, 6n));
    expect((await waits).ttl).toBe(6n);
    await runtime.settle();
    expect(services[0]?.keepAlives[0]?.cancelled).toBe(true);
    await store.close();
    expect(runtime.pendingTimers).toBe(0);
  });
});
