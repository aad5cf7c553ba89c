import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { LoopbackChannel } from '../../src/wire/loopback-channel.js';
import type { DuplexMethod } from '../../src/wire/methods.js';
import type { Duplex, DuplexListener } from '../../src/wire/rpc-channel.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { header, ScriptedService } from '../support/scripted-service.js';

/** An endpoint that takes no connection and does not say so for long. */
class SlowlyDeadChannel extends LoopbackChannel {
  readonly #listeners: DuplexListener<never>[] = [];

  override duplex<Request, Response>(
    _method: DuplexMethod<Request, Response>,
    listener: DuplexListener<Response>,
  ): Duplex<Request> {
    this.#listeners.push(listener);
    return { send: () => {}, halfClose: () => {}, cancel: () => {} };
  }

  fail(): void {
    const error = new ConclaveError('UNAVAILABLE', `cannot reach ${this.endpoint}`);
    for (const listener of this.#listeners.splice(0)) listener.onEnd(error);
  }
}

describe('a heartbeat whose patience an endpoint has used up', () => {
  it('goes over the next endpoint, on the stream of the others there', async () => {
    const runtime = new SimRuntime();
    const slow = new SlowlyDeadChannel(new ScriptedService(), 'slow');
    const service = new ScriptedService();
    const store = new RpcStore({ channels: [slow, new LoopbackChannel(service)], runtime });
    const kept = { header: header(1n), id: 1n, ttl: 5n };
    const first = store.leaseKeepAlive({ id: 1n }, { timeoutMs: 9_000, patienceMs: 600 });
    await runtime.advance(600);
    const second = store.leaseKeepAlive({ id: 1n }, { timeoutMs: 9_000, patienceMs: 600 });
    await runtime.settle();
    service.keepAlives[0]?.send(kept);
    await second;
    slow.fail();
    await runtime.settle();
    service.keepAlives[0]?.send(kept);
    expect((await runtime.until(first)).ttl).toBe(5n);
    expect(service.keepAlives).toHaveLength(1);
    await store.close();
    expect(runtime.pendingTimers).toBe(0);
  });
});
