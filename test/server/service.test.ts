import { beforeEach, describe, expect, it } from 'vitest';
import { noBytes, utf8, utf8Text } from '../../src/core/bytes.js';
import type { ConclaveError } from '../../src/core/errors.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { createService, type ServiceOptions } from '../../src/server/service.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import type {
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  WatchRequest,
  WatchResponse,
} from '../../src/store/messages.js';
import { type DuplexMethod, kvMethods, leaseMethods, type UnaryMethod, watchMethods } from '../../src/wire/methods.js';

describe('the service over an engine', () => {
  let runtime: SimRuntime;
  let host: EngineHost;
  beforeEach(() => {
    runtime = new SimRuntime();
    host = new EngineHost(runtime);
  });

  const service = (options: Partial<ServiceOptions> = {}) => createService(host, { runtime, ...options });
  const context = { metadata: {}, signal: new AbortController().signal };

  async function unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: Partial<ServiceOptions> = {},
  ): Promise<Response> {
    const handler = service(options).unary(method.path);
    return handler?.handle(request, context) as Promise<Response>;
  }

  function duplex<Request, Response>(method: DuplexMethod<Request, Response>, options: Partial<ServiceOptions> = {}) {
    const sent: Response[] = [];
    const ends: (ConclaveError | undefined)[] = [];
    const reply = {
      send: (message: unknown) => sent.push(message as Response),
      end: (error?: ConclaveError) => ends.push(error),
    };
    const call = service(options).duplex(method.path)?.open(reply, context);
    if (call === undefined) throw new Error(`no handler for ${method.path}`);
    return { call, sent, ends, ask: (request: Request) => call.onMessage(request) };
  }

  const create = (key: string, more: object = {}): WatchRequest => ({
    type: 'create',
    request: { key: utf8(key), ...more },
  });

  it('knows its methods and services, and no others', () => {
    expect(service().unary('/etcdserverpb.KV/Nothing')).toBeUndefined();
    expect(service().unary(watchMethods.watch.path)).toBeUndefined();
    expect(service().duplex(kvMethods.put.path)).toBeUndefined();
    expect(service().hasService('etcdserverpb.KV')).toBe(true);
    expect(service().hasService('etcdserverpb.Nothing')).toBe(false);
  });

  it.each([
    { valueLength: 1_572_840, fits: true },
    { valueLength: 1_572_841, fits: false },
  ])('takes a put of $valueLength bytes and a key of one: $fits, as etcd does', async ({ valueLength, fits }) => {
    const put = unary(kvMethods.put, { key: utf8('k'), value: new Uint8Array(valueLength) });
    if (fits) expect((await put).header.revision).toBe(2n);
    else await expect(put).rejects.toThrow('etcdserver: request is too large');
    expect(host.stats().keys).toBe(fits ? 1 : 0);
  });

  it('measures all of a txn, nested ones too, and not those that only read', async () => {
    const third = new Uint8Array(600_000);
    const put = (key: string) => ({ type: 'put' as const, request: { key: utf8(key), value: third } });
    const range = (key: Uint8Array) => ({ type: 'range' as const, request: { key } });
    const nested = { type: 'txn' as const, request: { success: [put('b'), range(utf8('c'))] } };
    await unary(kvMethods.txn, { success: [put('a'), nested] });
    const large = unary(kvMethods.txn, { success: [put('a'), nested], failure: [put('c')] });
    await expect(large).rejects.toThrow('etcdserver: request is too large');
    const compare = [{ key: utf8('a'), target: 3, value: new Uint8Array(1_600_000) }];
    await unary(kvMethods.txn, { compare, success: [range(utf8('a'))] });
    await expect(
      unary(kvMethods.txn, { compare, success: [{ type: 'deleteRange', request: { key: utf8('a') } }] }),
    ).rejects.toThrow('etcdserver: request is too large');
    await expect(unary(kvMethods.deleteRange, { key: new Uint8Array(1_600_000) })).rejects.toThrow('too large');
    await expect(
      unary(kvMethods.put, { key: utf8('a'), value: new Uint8Array(100) }, { maxRequestBytes: 100 }),
    ).rejects.toThrow('too large');
  });

  it('answers heartbeats in order until the caller half-closes', async () => {
    const { id } = await unary(leaseMethods.grant, { ttl: 10n });
    const { call, sent, ends, ask } = duplex<LeaseKeepAliveRequest, LeaseKeepAliveResponse>(leaseMethods.keepAlive);
    ask({ id });
    ask({ id: 7n });
    ask({ id });
    expect(sent.map(({ id, ttl }) => [id, ttl])).toEqual([
      [id, 10n],
      [7n, 0n],
      [id, 10n],
    ]);
    call.onHalfClose();
    expect(ends).toEqual([undefined]);
    host.close();
    expect(runtime.pendingTimers).toBe(0);
  });

  // etcd-difference: limits
  it('bounds leases', async () => {
    const options = { maxLeases: 1 };
    await unary(leaseMethods.grant, { ttl: 10n, id: 1n }, options);
    await expect(unary(leaseMethods.grant, { ttl: 10n, id: 2n }, options)).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
    await unary(leaseMethods.revoke, { id: 1n }, options);
    await unary(leaseMethods.grant, { ttl: 10n, id: 2n }, options);
  });

  it('keeps a watch after half-close and frees it on cancel', async () => {
    const { call, sent, ends, ask } = duplex<WatchRequest, WatchResponse>(watchMethods.watch);
    ask(create('k'));
    call.onHalfClose();
    await unary(kvMethods.put, { key: utf8('k'), value: utf8('x') });
    expect(sent.map(({ created, events }) => [created, events.length])).toEqual([
      [true, 0],
      [false, 1],
    ]);
    expect(ends).toEqual([]);
    call.onCancel();
    expect(host.stats().watchers).toBe(0);
  });

  it('lets watches wait while the caller does not read, and catch up after', async () => {
    const { call, sent, ask } = duplex<WatchRequest, WatchResponse>(watchMethods.watch);
    ask(create('k'));
    call.onBackpressure?.(true);
    for (const value of ['1', '2', '3']) await unary(kvMethods.put, { key: utf8('k'), value: utf8(value) });
    expect(sent.length).toBe(1);
    call.onBackpressure?.(false);
    expect(sent.flatMap(({ events }) => events.map(({ kv }) => utf8Text(kv.value)))).toEqual(['1', '2', '3']);
    call.onCancel();
  });

  it('ends its watch calls when the engine closes, and those only that are still open', () => {
    const open = duplex<WatchRequest, WatchResponse>(watchMethods.watch);
    const cancelled = duplex<WatchRequest, WatchResponse>(watchMethods.watch);
    open.ask(create('k', { progressNotify: true }));
    cancelled.call.onCancel();
    host.close();
    expect(open.ends).toMatchObject([{ code: 'UNAVAILABLE', message: 'etcdserver: server stopped' }]);
    expect(cancelled.ends).toEqual([]);
    expect(runtime.pendingTimers).toBe(0);
  });

  it('refuses watches beyond its bounds without ending the stream', () => {
    const options = { maxWatchesPerStream: 2, maxWatches: 3 };
    const one = duplex<WatchRequest, WatchResponse>(watchMethods.watch, options);
    for (const key of ['a', 'b', 'c']) one.ask(create(key));
    const refusal = { created: true, canceled: true, watchId: -1n };
    expect(one.sent[2]).toMatchObject({ ...refusal, cancelReason: 'conclave: more than 2 watches on a stream' });
    const two = duplex<WatchRequest, WatchResponse>(watchMethods.watch, options);
    for (const key of ['a', 'b']) two.ask(create(key));
    expect(two.sent[1]).toMatchObject({ ...refusal, cancelReason: 'conclave: more than 3 watches' });
    one.ask({ type: 'cancel', watchId: 0n });
    one.ask(create('d'));
    expect(one.sent.at(-1)).toMatchObject({ created: true, canceled: false });
    one.call.onCancel();
    two.call.onCancel();
    expect(host.stats().watchers).toBe(0);
  });

  it('notifies of progress at intervals those that ask, while nothing else happens', async () => {
    const { call, sent, ask } = duplex<WatchRequest, WatchResponse>(watchMethods.watch, { progressNotifyMs: 1_000 });
    ask(create('quiet', { progressNotify: true }));
    ask(create('not asking'));
    await runtime.advance(999);
    expect(sent.length).toBe(2);
    // The interval is up to a tenth longer than asked for.
    await runtime.advance(101);
    await runtime.advance(1_100);
    expect(sent.slice(2)).toEqual(
      [1, 2].map(() => expect.objectContaining({ watchId: 0n, created: false, canceled: false, events: [] })),
    );
    call.onCancel();
    expect(runtime.pendingTimers).toBe(0);
  });

  it('ignores an empty watch request and takes an empty key as the first one', async () => {
    const { call, sent, ask } = duplex<WatchRequest, WatchResponse>(watchMethods.watch);
    ask({ type: 'none' });
    expect(sent).toEqual([]);
    ask({ type: 'create', request: { key: noBytes, rangeEnd: new Uint8Array([0]) } });
    await unary(kvMethods.put, { key: utf8('any') });
    expect(sent.length).toBe(2);
    call.onCancel();
  });
});
