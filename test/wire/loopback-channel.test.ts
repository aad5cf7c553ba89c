import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { deferred } from '../../src/core/deferred.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { LoopbackChannel } from '../../src/wire/loopback-channel.js';
import { authMethods, kvMethods, watchMethods } from '../../src/wire/methods.js';
import { header, ScriptedService, watchResponse } from '../support/scripted-service.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function openWatch(channel: LoopbackChannel, signal?: AbortSignal) {
  const told: unknown[] = [];
  const call = channel.duplex(
    watchMethods.watch,
    { onMessage: (message) => told.push(message.header.revision), onEnd: (error) => told.push(error) },
    { signal, metadata: { hasleader: 'true' } },
  );
  return { call, told };
}

describe('LoopbackChannel', () => {
  it('hands the request over as it is, after the caller has gone on', async () => {
    const seen: unknown[] = [];
    const service = new ScriptedService().on(kvMethods.range, async (request, { metadata }) => {
      seen.push(request, metadata);
      return { header: header(1n), kvs: [], more: false, count: 0n };
    });
    const request = { key: utf8('k') };
    const call = new LoopbackChannel(service).unary(kvMethods.range, request, { metadata: { token: 't' } });
    expect(seen).toEqual([]);
    await call;
    expect(seen[0]).toBe(request);
    expect(seen[1]).toEqual({ token: 't' });
  });

  it('makes of an error what a peer would', async () => {
    const service = new ScriptedService().on(kvMethods.txn, async () => {
      throw etcdError('leaderChanged');
    });
    const channel = new LoopbackChannel(service);
    await expect(channel.unary(kvMethods.txn, {}, {})).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      outcome: 'unknown',
    });
    await expect(channel.unary(authMethods.authenticate, { name: '', password: '' }, {})).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });

  it('tells the handler of an abort, and the caller at once', async () => {
    const aborted = deferred();
    const service = new ScriptedService().on(kvMethods.txn, (_request, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve());
      return new Promise(() => {});
    });
    const controller = new AbortController();
    const call = new LoopbackChannel(service).unary(kvMethods.txn, {}, { signal: controller.signal });
    await turn();
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', outcome: 'unknown' });
    await aborted.promise;
  });

  it('delivers in order and never within the call that sent', async () => {
    const service = new ScriptedService();
    const { call, told } = openWatch(new LoopbackChannel(service));
    call.send({ type: 'progress' });
    call.send({ type: 'none' });
    expect(service.watches).toEqual([]);
    await turn();
    const [server] = service.watches;
    expect(server?.received).toEqual([{ type: 'progress' }, { type: 'none' }]);
    expect(server?.metadata).toEqual({ hasleader: 'true' });
    server?.send(watchResponse({ revision: 1n }), watchResponse({ revision: 2n }));
    server?.end();
    server?.send(watchResponse({ revision: 3n }));
    expect(told).toEqual([]);
    await turn();
    expect(told).toEqual([1n, 2n, undefined]);
  });

  it('tells the server when the caller cancels, and the caller nothing more', async () => {
    const service = new ScriptedService();
    const { call, told } = openWatch(new LoopbackChannel(service));
    await turn();
    service.watches[0]?.send(watchResponse({ revision: 1n }));
    call.cancel();
    call.cancel();
    call.send({ type: 'progress' });
    await turn();
    expect(service.watches[0]?.cancelled).toBe(true);
    expect(service.watches[0]?.received).toEqual([]);
    expect(told).toEqual([]);
  });

  it('opens nothing at the server for a call that was cancelled in the same turn', async () => {
    const service = new ScriptedService();
    openWatch(new LoopbackChannel(service)).call.cancel();
    await turn();
    expect(service.watches).toEqual([]);
  });

  it('tells both sides when the signal aborts, and when the channel is closed', async () => {
    const service = new ScriptedService();
    const channel = new LoopbackChannel(service);
    const controller = new AbortController();
    const first = openWatch(channel, controller.signal);
    const second = openWatch(channel);
    await turn();
    controller.abort();
    await turn();
    expect(first.told).toMatchObject([{ code: 'CANCELLED' }]);
    expect(service.watches.map((call) => call.cancelled)).toEqual([true, false]);
    await channel.close();
    await turn();
    expect(second.told).toMatchObject([{ code: 'UNAVAILABLE', outcome: 'unknown' }]);
    expect(service.watches.map((call) => call.cancelled)).toEqual([true, true]);
    expect(() => openWatch(channel)).toThrowError(/channel is closed/);
  });
});
