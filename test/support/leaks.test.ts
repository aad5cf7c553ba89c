import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { EngineHost } from '../../src/engine/engine-host.js';
import { EngineStore } from '../../src/engine/engine-store.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { expectIdle, expectNoLeaks, expectNoTimers, LeakWatch } from './leaks.js';
import { watchLog } from './watch-log.js';

describe('the leak check', () => {
  expectNoLeaks();

  it.each([
    [1_000_000, 'node-runtime'],
    [1_000, 'timer-lane'],
  ])('finds a timer of %d ms, until it is taken back', async (delayMs, file) => {
    const watch = new LeakWatch();
    const stop = new NodeRuntime().setTimer(delayMs, () => {});
    expect(await watch.leaks(1)).toEqual([expect.stringMatching(`^Timeout of src/node/${file}\\.ts:\\d+`)]);
    stop();
    expect(await watch.leaks()).toEqual([]);
    watch.stop();
  });

  it('finds a server and the sockets to it, until they are closed', async () => {
    const watch = new LeakWatch();
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await accepted;
    expect(await watch.leaks()).toEqual(expect.arrayContaining(['TCPServerWrap x1', 'TCPSocketWrap x2']));
    socket.destroy();
    server.close();
    await once(server, 'close');
    expect(await watch.leaks()).toEqual([]);
    watch.stop();
  });

  it('finds a process, until it has ended', async () => {
    const watch = new LeakWatch();
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    expect(await watch.leaks()).toEqual(['ProcessWrap x1']);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await watch.leaks()).toEqual([]);
    watch.stop();
  });

  it('finds simulated timers', async () => {
    const runtime = new SimRuntime();
    runtime.setTimer(5, () => {});
    expect(() => expectNoTimers(runtime)).toThrow('timers left behind');
    await runtime.advance(5);
    expectNoTimers(runtime);
  });

  it('finds leases and watches in a store', async () => {
    const host = new EngineHost(new SimRuntime());
    const store = new EngineStore(host);
    const { id } = await store.leaseGrant({ ttl: 5n });
    expect(() => expectIdle(host)).toThrow('left behind in the store');
    await store.leaseRevoke({ id });
    expectIdle(host);
    const log = watchLog(store, { key: new Uint8Array([1]) });
    expect(() => expectIdle(host)).toThrow('left behind in the store');
    log.cancel();
    expectIdle(host);
    host.close();
  });
});
