import { describe, expect, it } from 'vitest';
import { EngineHost } from '../../src/engine/engine-host.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type ServerOptions, startServer } from '../../src/server/server.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { eventually } from '../server/support/wait.js';
import { expectNoLeaks } from '../support/leaks.js';
import { http, RawHttp } from './support/http-client.js';

const listen = { host: '127.0.0.1', port: 0 };

/** Sockets in real time, every timeout in simulated time. */
async function simulated(options: Partial<ServerOptions> = {}) {
  const runtime = new SimRuntime();
  const server = await startServer({ runtime, listen, ...options });
  return { runtime, server };
}

const head = (path: string, length: number | 'chunked') =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${
    length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
  }\r\n\r\n`;

describe('limits of HTTP/1.1', () => {
  expectNoLeaks();

  it('ends a call whose body is half-sent for 10 s with 408', async () => {
    const { runtime, server } = await simulated();
    const peer = new RawHttp(server.url);
    peer.send(`${head('/v3/kv/put', 50)}{"key":`);
    await eventually(() => server.stats().sessions === 1 && runtime.pendingTimers === 1);
    await runtime.advance(9_999);
    expect(peer.text).toBe('');
    await runtime.advance(1);
    const answer = await peer.untilClosed();
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toMatch(/"code":4\}$/);
    await server.close();
    expect(runtime.pendingTimers).toBe(0);
  });

  it('ends a stream whose message is half-sent for 10 s, not one that is between messages', async () => {
    const { runtime, server } = await simulated();
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    const peer = new RawHttp(server.url);
    peer.send(`${head('/v3/watch', 'chunked')}${chunk('{"create_request":{"key":"YQ=="}}')}`);
    await eventually(() => peer.text.includes('"created":true'));
    await runtime.advance(60_000);
    peer.send(chunk('{"create_request"'));
    await eventually(() => runtime.pendingTimers === 1);
    await runtime.advance(10_000);
    expect(await peer.untilClosed()).toMatch(/"grpc_code":4/);
    await server.close();
    expect(runtime.pendingTimers).toBe(0);
  });

  it('closes a connection whose first head is not there in 10 s, and one that is idle for 60 s', async () => {
    const { runtime, server } = await simulated();
    const slow = new RawHttp(server.url);
    slow.send('GET /health HTTP/1.1\r\nHo');
    await eventually(() => server.stats().sessions === 1);
    await runtime.advance(10_000);
    expect(await slow.untilClosed()).toBe('');
    const idle = new RawHttp(server.url);
    idle.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await eventually(() => idle.text.includes('"health":"true"') && runtime.pendingTimers === 1);
    await runtime.advance(59_999);
    expect(server.stats().sessions).toBe(1);
    await runtime.advance(1);
    expect(await idle.untilClosed()).toMatch(/^HTTP\/1\.1 200 /);
    await server.close();
  });

  it('refuses heads above 16 KiB, and more requests at a time than 16', async () => {
    const server = await startServer({ runtime: new NodeRuntime(), listen });
    const large = new RawHttp(server.url);
    large.send(`GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`);
    expect(await large.untilClosed()).toMatch(/^HTTP\/1\.1 431 /);
    const eager = new RawHttp(server.url);
    eager.send(`${head('/v3/watch', 2)}{}`.repeat(40));
    expect(await eager.untilClosed()).not.toMatch(/(HTTP[\s\S]*){2}/);
    await server.close();
  });

  it('a body that goes on after the answer is cut off', async () => {
    const server = await startServer({ runtime: new NodeRuntime(), listen });
    for (const path of ['/v3/nowhere', '/health']) {
      const peer = new RawHttp(server.url);
      peer.send(head(path, 'chunked'));
      expect(await peer.untilClosed()).toMatch(/^HTTP\/1\.1 40[45] /);
    }
    await server.close();
  });

  it('a caller that goes in the middle of anything leaves nothing', async () => {
    const host = new EngineHost(new NodeRuntime());
    const server = await startServer({ runtime: new NodeRuntime(), listen, host });
    for (const text of ['', 'POST', head('/v3/kv/put', 9), `${head('/v3/watch', 60)}{"create_request":{"key":"YQ"}}`]) {
      const peer = new RawHttp(server.url);
      peer.send(text === '' ? 'G' : text);
      await eventually(() => server.stats().sessions === 1);
      peer.socket.destroy();
      await peer.untilClosed();
      await eventually(() => server.stats().sessions === 0 && host.stats().watchers === 0);
    }
    expect((await http(`${server.url}/health`)).status).toBe(200);
    await server.close();
    host.close();
  });
});
