import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { LoopbackChannel } from '../../src/wire/loopback-channel.js';
import { kvMethods } from '../../src/wire/methods.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { ToldWatch } from '../support/remote-stores.js';
import { creates, header, putEvent, ScriptedService, watchResponse } from '../support/scripted-service.js';

const created = (watchId: bigint, revision: bigint) => watchResponse({ created: true, watchId, revision });
const key = utf8('k');

/** A store over as many scripted services as `endpoints`. */
function setUp(endpoints = 1) {
  const runtime = new SimRuntime();
  const services = Array.from({ length: endpoints }, () => new ScriptedService());
  const channels = services.map((service, i) => new LoopbackChannel(service, `endpoint-${i}`));
  const store = new RpcStore({ channels, runtime });
  const [service = new ScriptedService()] = services;
  return { runtime, services, service, store };
}

describe('watches over one stream', () => {
  it('matches answers to requests in order, and events by the id the server chose', async () => {
    const { runtime, service, store } = setUp();
    const first = new ToldWatch(store, { key });
    const second = new ToldWatch(store, { key });
    await runtime.settle();
    const [call] = service.watches;
    expect(creates(call)).toHaveLength(2);
    call?.send(created(7n, 10n), created(0n, 11n));
    call?.send(watchResponse({ watchId: 0n, revision: 12n, events: [putEvent(12n)] }));
    await runtime.settle();
    expect([first.created, second.created]).toEqual([[10n], [11n]]);
    expect([first.batches, second.batches]).toEqual([[], [[12n]]]);
    expect(call?.metadata).toEqual({ hasleader: 'true' });
    await store.close();
    expect(runtime.pendingTimers).toBe(0);
  });

  it('keeps control and bulk watches on streams of their own, each closed with its last watch', async () => {
    const { runtime, service, store } = setUp();
    const bulk = new ToldWatch(store, { key });
    const control = new ToldWatch(store, { key, lane: 'control' });
    const other = new ToldWatch(store, { key, lane: 'control' });
    await runtime.settle();
    expect(service.watches.map((call) => call.received.length)).toEqual([1, 2]);
    bulk.cancel();
    other.cancel();
    await runtime.settle();
    expect(service.watches.map((call) => call.cancelled)).toEqual([true, false]);
    control.cancel();
    await runtime.settle();
    expect(service.watches.map((call) => call.cancelled)).toEqual([true, true]);
    expect(runtime.pendingTimers).toBe(0);
  });

  it('sends a cancel as soon as the server has named the watch, and tells nothing more', async () => {
    const { runtime, service, store } = setUp();
    const stays = new ToldWatch(store, { key });
    const early = new ToldWatch(store, { key });
    await runtime.settle();
    const [call] = service.watches;
    early.cancel();
    await runtime.settle();
    expect(call?.received).toHaveLength(2);
    call?.send(created(0n, 1n), created(1n, 1n), watchResponse({ watchId: 1n, revision: 2n, events: [putEvent(2n)] }));
    await runtime.settle();
    expect(call?.received[2]).toEqual({ type: 'cancel', watchId: 1n });
    stays.cancel();
    call?.send(watchResponse({ watchId: 0n, revision: 2n, events: [putEvent(2n)] }));
    await runtime.settle();
    expect([early.created, early.events, early.error]).toEqual([[], [], undefined]);
    expect([stays.events, stays.error]).toEqual([[], undefined]);
  });

  it('keeps the order of answers when one that waits for its answer is cancelled', async () => {
    const { runtime, service, store } = setUp();
    const early = new ToldWatch(store, { key });
    const stays = new ToldWatch(store, { key });
    await runtime.settle();
    early.cancel();
    service.watches[0]?.send(created(0n, 1n), created(1n, 2n));
    await runtime.settle();
    expect([early.created, stays.created]).toEqual([[], [2n]]);
    expect(service.watches[0]?.received.at(-1)).toEqual({ type: 'cancel', watchId: 0n });
    await store.close();
  });

  it('may be cancelled from within its own events', async () => {
    const { runtime, service, store } = setUp();
    let told = 0;
    const cancel = store.watch(
      { key },
      {
        onEvents: () => {
          told += 1;
          cancel();
        },
        onEnd: () => expect.unreachable(),
      },
    );
    await runtime.settle();
    const events = (revision: bigint) => watchResponse({ revision, events: [putEvent(revision)] });
    service.watches[0]?.send(created(0n, 1n), events(2n), events(3n));
    await runtime.settle();
    expect(told).toBe(1);
    expect(service.watches[0]?.cancelled).toBe(true);
  });

  it('joins the parts of a response, so that a revision is told at once', async () => {
    const { runtime, service, store } = setUp();
    const log = new ToldWatch(store, { key });
    await runtime.settle();
    service.watches[0]?.send(
      created(0n, 1n),
      watchResponse({ revision: 2n, events: [putEvent(2n, 'a')], fragment: true }),
      watchResponse({ revision: 2n, events: [putEvent(2n, 'b')], fragment: true }),
    );
    await runtime.settle();
    expect(log.batches).toEqual([]);
    service.watches[0]?.send(watchResponse({ revision: 2n, events: [putEvent(2n, 'c')] }));
    await runtime.settle();
    expect(log.batches).toEqual([[2n, 2n, 2n]]);
    await store.close();
  });

  it('tells progress of one watch, and of all under id -1', async () => {
    const { runtime, service, store } = setUp();
    const first = new ToldWatch(store, { key, progressNotify: true });
    const second = new ToldWatch(store, { key });
    await runtime.settle();
    const [call] = service.watches;
    call?.send(created(0n, 1n), created(1n, 1n));
    call?.send(watchResponse({ watchId: 0n, revision: 5n }), watchResponse({ watchId: -1n, revision: 6n }));
    await runtime.settle();
    expect([first.progress, second.progress]).toEqual([[5n, 6n], [6n]]);
    await store.close();
  });

  it('ends a watch with the error that the server gives, and leaves the others alone', async () => {
    const reasons: [string, string][] = [
      ['rpc error: code = PermissionDenied desc = etcdserver: permission denied', 'PERMISSION_DENIED'],
      ['rpc error: code = InvalidArgument desc = etcdserver: user name is empty', 'UNAUTHENTICATED'],
      ['mvcc: watcher range is empty', 'INVALID_ARGUMENT'],
      ['etcdserver: mvcc: required revision has been compacted', 'COMPACTED'],
      ['', 'CANCELLED'],
    ];
    for (const [cancelReason, code] of reasons) {
      const { runtime, service, store } = setUp();
      const stays = new ToldWatch(store, { key });
      const refused = new ToldWatch(store, { key });
      await runtime.settle();
      const refusal = watchResponse({ created: true, canceled: true, watchId: -1n, revision: 1n, cancelReason });
      service.watches[0]?.send(created(0n, 1n), refusal);
      await runtime.settle();
      expect(refused.error).toMatchObject({ code });
      expect(refused.created).toEqual([]);
      expect(stays.error).toBeUndefined();
      await store.close();
    }
  });

  it('ends with COMPACTED and makes no further call', async () => {
    const { runtime, service, store } = setUp();
    const log = new ToldWatch(store, { key, startRevision: 2n });
    await runtime.settle();
    service.watches[0]?.send(created(0n, 9n), watchResponse({ canceled: true, compactRevision: 5n, revision: 0n }));
    await runtime.settle();
    expect(log.error).toMatchObject({ code: 'COMPACTED', message: etcdError('compacted').message });
    await runtime.advance(60_000);
    expect(service.watches).toHaveLength(1);
    expect(service.watches[0]?.cancelled).toBe(true);
    expect(runtime.pendingTimers).toBe(0);
  });
});

describe('a watch whose stream is lost', () => {
  /** Plays `script` on the first stream, loses it, and gives the start revision that the second one asks for. */
  async function resumedFrom(
    spec: { startRevision?: bigint },
    script: (call: ScriptedService['watches'][number]) => void,
  ) {
    const { runtime, service, store } = setUp();
    store.watch({ key, ...spec }, { onEvents: () => {}, onEnd: () => {} });
    await runtime.settle();
    const [call] = service.watches;
    if (call !== undefined) script(call);
    await runtime.settle();
    call?.end(etcdError('stopped'));
    await runtime.advance(1_000);
    const [request] = creates(service.watches[1]);
    await store.close();
    return request?.startRevision;
  }

  it('asks again for what comes next if it was never created', async () => {
    expect(await resumedFrom({}, () => {})).toBe(0n);
  });

  it('goes on after the revision of its creation', async () => {
    expect(await resumedFrom({}, (call) => call.send(created(0n, 41n)))).toBe(42n);
  });

  it('keeps its start revision if nothing was told, whatever the header said', async () => {
    expect(await resumedFrom({ startRevision: 5n }, (call) => call.send(created(0n, 41n)))).toBe(5n);
  });

  it('goes on after the last event, not after the header of its batch', async () => {
    const from = await resumedFrom({ startRevision: 5n }, (call) =>
      call.send(created(0n, 41n), watchResponse({ revision: 41n, events: [putEvent(7n), putEvent(8n)] })),
    );
    expect(from).toBe(9n);
  });

  it('goes on after the revision of a progress message', async () => {
    const from = await resumedFrom({}, (call) => call.send(created(0n, 1n), watchResponse({ revision: 30n })));
    expect(from).toBe(31n);
  });

  it('is not taken back before a start revision in the future by progress', async () => {
    const from = await resumedFrom({ startRevision: 100n }, (call) =>
      call.send(created(0n, 1n), watchResponse({ revision: 30n })),
    );
    expect(from).toBe(100n);
  });

  it('asks again for a revision of which only parts came, and tells it once', async () => {
    const { runtime, service, store } = setUp();
    const log = new ToldWatch(store, { key });
    await runtime.settle();
    const part = watchResponse({ revision: 2n, events: [putEvent(2n, 'a')], fragment: true });
    service.watches[0]?.send(created(0n, 1n), part);
    service.watches[0]?.end(etcdError('stopped'));
    await runtime.advance(1_000);
    expect(creates(service.watches[1])[0]?.startRevision).toBe(2n);
    const whole = watchResponse({ revision: 2n, events: [putEvent(2n, 'a'), putEvent(2n, 'b')] });
    service.watches[1]?.send(created(0n, 2n), whole);
    await runtime.settle();
    expect(log.batches).toEqual([[2n, 2n]]);
    await store.close();
  });

  it('is told to be created once, and drops what the server repeats', async () => {
    const { runtime, service, store } = setUp();
    const log = new ToldWatch(store, { key });
    await runtime.settle();
    service.watches[0]?.send(created(0n, 1n), watchResponse({ revision: 2n, events: [putEvent(2n)] }));
    service.watches[0]?.end();
    await runtime.advance(1_000);
    const again = watchResponse({ watchId: 3n, revision: 3n, events: [putEvent(2n), putEvent(3n)] });
    service.watches[1]?.send(created(3n, 3n), again);
    await runtime.settle();
    expect(log.created).toEqual([1n]);
    expect(log.batches).toEqual([[2n], [3n]]);
    await store.close();
  });

  it.each([
    ['ends with COMPACTED if the store has gone back', 3n, 'COMPACTED'],
    ['goes on if it is a member that lags', 9n, undefined],
  ])('%s', async (_, present, code) => {
    const { runtime, service, store } = setUp();
    const asked: unknown[] = [];
    service.on(kvMethods.range, async (request) => {
      asked.push(request);
      return { header: header(present), kvs: [], more: false, count: 1n };
    });
    const logs = [new ToldWatch(store, { key }), new ToldWatch(store, { key })];
    await runtime.settle();
    const told = watchResponse({ watchId: 1n, revision: 9n, events: [putEvent(5n)] });
    service.watches[0]?.send(created(0n, 4n), created(1n, 4n), told, watchResponse({ watchId: -1n, revision: 9n }));
    await runtime.settle();
    service.watches[0]?.end(etcdError('stopped'));
    await runtime.advance(1_000);
    service.watches[1]?.send(created(0n, 3n), created(1n, 3n));
    await runtime.settle();
    expect(asked).toMatchObject([{ key, countOnly: true }]);
    expect(logs.map(({ error }) => error?.code)).toEqual([code, code]);
    await store.close();
    expect(runtime.pendingTimers).toBe(0);
  });

  it.each([
    ['ends with COMPACTED at its start, too, if it goes on from what the store has lost', 9n, 'COMPACTED'],
    ['waits for a start revision in the future', undefined, undefined],
  ])('%s', async (_, seenRevision, code) => {
    const { runtime, service, store } = setUp();
    service.on(kvMethods.range, async () => ({ header: header(3n), kvs: [], more: false, count: 1n }));
    const log = new ToldWatch(store, { key, startRevision: 10n, seenRevision });
    await runtime.settle();
    service.watches[0]?.send(created(0n, 3n));
    await runtime.settle();
    expect(log.error?.code).toBe(code);
    await store.close();
  });

  it('goes on at a member that lags behind what another watch of the stream has not seen', async () => {
    const { runtime, service, store } = setUp();
    let present = 4n;
    service.on(kvMethods.range, async () => ({ header: header(present), kvs: [], more: false, count: 1n }));
    const from = (revision: bigint) => ({ key, startRevision: revision + 1n, seenRevision: revision });
    const first = new ToldWatch(store, from(4n));
    await runtime.settle();
    service.watches[0]?.send(created(0n, 3n));
    await runtime.settle();
    present = 9n;
    const second = new ToldWatch(store, from(9n));
    await runtime.settle();
    service.watches[0]?.send(created(1n, 5n));
    await runtime.settle();
    expect([first.error, second.error]).toEqual([undefined, undefined]);
    await store.close();
  });

  it('is given another stream if nobody says whether the store has gone back', async () => {
    const { runtime, service, store } = setUp();
    service.on(kvMethods.range, () => new Promise(() => {}));
    const log = new ToldWatch(store, { key });
    await runtime.settle();
    service.watches[0]?.send(created(0n, 4n));
    await runtime.settle();
    service.watches[0]?.end(etcdError('stopped'));
    await runtime.advance(1_000);
    service.watches[1]?.send(created(0n, 3n));
    await runtime.advance(6_000);
    expect([log.error, service.watches.length]).toEqual([undefined, 3]);
    await store.close();
    expect(runtime.pendingTimers).toBe(0);
  });

  it('waits longer after each loss, up to a second, and changes the endpoint', async () => {
    const { runtime, services, store } = setUp(2);
    const log = new ToldWatch(store, { key });
    const openedAt: number[] = [];
    for (let i = 0; i < 12; i++) {
      while (services[i % 2]?.watches.length !== Math.floor(i / 2) + 1) await runtime.advance(10);
      openedAt.push(runtime.nowMs);
      services[i % 2]?.watches.at(-1)?.end(etcdError('noLeader'));
      await runtime.settle();
    }
    const waits = openedAt.slice(1).map((at, i) => at - (openedAt[i] as number));
    expect(waits[0]).toBeLessThanOrEqual(60);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_010);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(500);
    expect(log.error).toBeUndefined();
    log.cancel();
    expect(runtime.pendingTimers).toBe(0);
    await store.close();
  });

  it('goes to the next endpoint when the server leaves it unanswered', async () => {
    const { runtime, services, store } = setUp(2);
    const log = new ToldWatch(store, { key });
    await runtime.advance(6_000);
    expect(services[0]?.watches[0]?.cancelled).toBe(true);
    services[1]?.watches[0]?.send(created(0n, 1n));
    await runtime.settle();
    expect(log.created).toEqual([1n]);
    expect(runtime.pendingTimers).toBe(0);
    await store.close();
  });

  it('ends when no endpoint and no later time would help', async () => {
    const { runtime, service, store } = setUp();
    const log = new ToldWatch(store, { key });
    await runtime.settle();
    service.watches[0]?.end(new ConclaveError('UNSUPPORTED', 'unknown service'));
    await runtime.settle();
    expect(log.error).toMatchObject({ code: 'UNSUPPORTED' });
    expect(runtime.pendingTimers).toBe(0);
  });
});

describe('closing a store with watches', () => {
  it('ends them with CLOSED, once, also while it waits to reconnect', async () => {
    const { runtime, service, store } = setUp();
    const log = new ToldWatch(store, { key });
    await runtime.settle();
    service.watches[0]?.end(etcdError('stopped'));
    await runtime.settle();
    expect(runtime.pendingTimers).toBe(1);
    await store.close();
    expect(log.error).toMatchObject({ code: 'CLOSED' });
    expect(runtime.pendingTimers).toBe(0);
    const late = new ToldWatch(store, { key });
    expect(late.error).toBeUndefined();
    await runtime.settle();
    expect(late.error).toMatchObject({ code: 'CLOSED' });
    await runtime.advance(10_000);
    expect(service.watches).toHaveLength(1);
  });
});
