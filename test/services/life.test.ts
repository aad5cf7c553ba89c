import { expect, it, vi } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';
import { createService } from '../../src/server/service.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { electionMethods, lockMethods } from '../../src/wire/concurrency-methods.js';
import { LoopbackChannel } from '../../src/wire/loopback-channel.js';
import { leaseMethods } from '../../src/wire/methods.js';
import { failure, ServicesClient } from './support/client.js';

vi.setConfig({ testTimeout: 30_000 });

const stopped = { code: 14, text: 'etcdserver: server stopped' };

// etcd-difference: observe-error
it('a server that closes ends waiting locks and observers with UNAVAILABLE', async () => {
  const server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
  const client = new ServicesClient(server.url);
  await client.lock('n', await client.grant());
  const waiting = failure(client.lock('n', await client.grant()));
  const observed = client.observe('e');
  await client.campaign('e', await client.grant(), 'one');
  await observed.next();
  await client.untilBelow('n/', 2);
  await server.close();
  expect(await waiting).toEqual(stopped);
  expect(await failure(observed.next())).toEqual(stopped);
  client.close();
});

it('once its engine is closed, nothing is tried any more: no timer, no watch', async () => {
  const runtime = new SimRuntime();
  const host = new EngineHost(runtime);
  const channel = new LoopbackChannel(createService(host, { runtime }));
  const { id } = await runtime.until(channel.unary(leaseMethods.grant, { ttl: 60n }, {}));
  await runtime.until(channel.unary(lockMethods.lock, { name: utf8('n'), lease: id }, {}));
  const waiting = channel.unary(lockMethods.lock, { name: utf8('n') }, {}).catch((error: unknown) => error);
  const ends: (Error | undefined)[] = [];
  const listener = { onMessage: () => {}, onEnd: (error: Error | undefined) => ends.push(error) };
  channel.duplex(electionMethods.observe, listener, {}).send({ name: utf8('e') });
  await runtime.settle();
  expect(host.stats()).toMatchObject({ watchers: 3, leases: 2 });
  host.close();
  expect(await runtime.until(waiting)).toMatchObject({ code: 'UNAVAILABLE' });
  await runtime.advance(10_000);
  expect(ends).toMatchObject([{ code: 'UNAVAILABLE' }]);
  expect(runtime.pendingTimers).toBe(0);
});

it('a waiter without a lease that gives up leaves neither key nor lease', async () => {
  const runtime = new SimRuntime();
  const host = new EngineHost(runtime);
  const channel = new LoopbackChannel(createService(host, { runtime }));
  await runtime.until(channel.unary(lockMethods.lock, { name: utf8('n') }, {}));
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const waiting = channel.unary(lockMethods.lock, { name: utf8('n') }, options).catch((error: unknown) => error);
  await runtime.settle();
  expect(host.stats()).toMatchObject({ keys: 2, leases: 2, watchers: 2 });
  controller.abort();
  expect(await runtime.until(waiting)).toMatchObject({ code: 'CANCELLED' });
  await runtime.settle();
  expect(host.stats()).toMatchObject({ keys: 1, leases: 1, watchers: 0 });
  // Nobody keeps the holder's lease of 60 s alive either.
  await runtime.advance(61_000);
  expect(host.stats()).toMatchObject({ keys: 0, leases: 0 });
  host.close();
  expect(runtime.pendingTimers).toBe(0);
});

// etcd-difference: line-two-calls
it('of two waiting calls of one lease the one that made the place takes it away, and the other is told', async () => {
  const runtime = new SimRuntime();
  const host = new EngineHost(runtime);
  const channel = new LoopbackChannel(createService(host, { runtime }));
  const lock = (lease: bigint, signal?: AbortSignal) =>
    channel.unary(lockMethods.lock, { name: utf8('n'), lease }, { signal }).catch((error: unknown) => error);
  const [{ id: front }, { id: back }] = [host.leaseGrant({ ttl: 60n }), host.leaseGrant({ ttl: 60n })];
  await runtime.until(lock(front));
  const [first, second] = [new AbortController(), new AbortController()];
  const waiting = lock(back, first.signal);
  await runtime.settle();
  const again = [lock(back, second.signal), lock(back)];
  await runtime.settle();
  second.abort();
  await runtime.until(again[0] as Promise<unknown>);
  expect(host.stats().keys).toBe(2);
  first.abort();
  expect(await runtime.until(again[1] as Promise<unknown>)).toMatchObject({ message: 'mutex: session is expired' });
  await runtime.until(waiting);
  expect(host.stats()).toMatchObject({ keys: 1, watchers: 0 });
  host.close();
});

// etcd-difference: proclaim-lease-zero
it('Proclaim with lease 0 leaves the key on its lease', async () => {
  const runtime = new SimRuntime();
  const host = new EngineHost(runtime);
  const channel = new LoopbackChannel(createService(host, { runtime }));
  const { id: lease } = host.leaseGrant({ ttl: 60n });
  const { leader } = await runtime.until(channel.unary(electionMethods.campaign, { name: utf8('e'), lease }, {}));
  const resumed = { ...leader, lease: 0n };
  await runtime.until(channel.unary(electionMethods.proclaim, { leader: resumed, value: utf8('v') }, {}));
  expect(host.range({ key: leader.key as Uint8Array }).kvs).toMatchObject([{ lease, version: 2n }]);
  expect(host.stats().leases).toBe(1);
  host.close();
});
