import { once } from 'node:events';
import { constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/runtime.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import type { ServerLimits } from '../../src/server/grpc/limits.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { nextMessage, type RawClient, readAnswer } from './support/raw-client.js';
import { TestGrpc } from './support/test-grpc.js';

const unary = '/test.Echo/Unary';
const duplex = '/test.Echo/Duplex';

describe.each(['own', 'node'] as const)('gRPC over HTTP/2 (%s)', (kind) => {
  let server: TestGrpc;
  let client: RawClient;
  const start = async (runtime: Runtime, limits: Partial<ServerLimits> = {}) => {
    server = await TestGrpc.start(runtime, limits, kind);
    client = await server.connect();
  };
  afterEach(() => server.close());

  it('answers a unary call with one message and a status in the trailers', async () => {
    await start(new NodeRuntime());
    expect(await client.call(unary, 'hello')).toEqual({
      httpStatus: 200,
      status: '0',
      text: undefined,
      messages: [Buffer.from('hello')],
      rstCode: 0,
      isTrailersOnly: false,
    });
    expect((await client.call(unary, '')).messages).toEqual([Buffer.alloc(0)]);
  });

  it('tells an error in trailers only, its text percent-encoded', async () => {
    await start(new NodeRuntime());
    const answer = await client.call(unary, 'fail');
    expect(answer).toMatchObject({ httpStatus: 200, status: '5', text: '100 %25 n%C3%B6', isTrailersOnly: true });
  });

  it.each([
    { path: '/test.Echo/Nothing', text: 'unknown method Nothing for service test.Echo' },
    { path: '/test.Other/Unary', text: 'unknown service test.Other' },
    { path: '/nonsense', text: 'malformed method name: "/nonsense"' },
  ])('answers UNIMPLEMENTED to $path', async ({ path, text }) => {
    await start(new NodeRuntime());
    expect(await client.call(path, 'x')).toMatchObject({ status: '12', text });
  });

  it('answers INTERNAL to a body that cannot be decoded, to none and to half a message', async () => {
    await start(new NodeRuntime());
    expect(await client.call(unary, 'undecodable')).toMatchObject({
      status: '13',
      text: 'grpc: error unmarshalling request: no such message',
    });
    expect(await client.sendRaw(unary, Buffer.alloc(0))).toMatchObject({ status: '13' });
    expect(await client.sendRaw(unary, grpcFrame(Buffer.from('half')).subarray(0, 6))).toMatchObject({ status: '13' });
    expect(await client.call(duplex, 'undecodable')).toMatchObject({ status: '13' });
  });

  it('keeps the text of a bug to itself and reports it', async () => {
    await start(new NodeRuntime());
    expect(await client.call(unary, 'bug')).toMatchObject({ status: '13', text: 'internal error' });
    expect(await client.call(duplex, 'bug')).toMatchObject({ status: '13', text: 'internal error' });
    expect(server.bugs).toEqual([new TypeError('a secret'), new TypeError('a secret')]);
    expect(server.service.open).toBe(0);
  });

  it('refuses with an HTTP status what is no gRPC', async () => {
    await start(new NodeRuntime());
    const types = ['application/json', 'text/plain', 'application/grpc-web', ''];
    for (const type of types) {
      const answer = await client.call(unary, 'x', { 'content-type': type });
      expect(answer).toMatchObject({ httpStatus: 415, status: undefined });
    }
    for (const type of ['application/grpc+proto', 'application/grpc;charset=utf-8']) {
      expect(await client.call(unary, 'x', { 'content-type': type })).toMatchObject({ status: '0' });
    }
    const get = client.open(unary, { ':method': 'GET' });
    expect(await readAnswer(get)).toMatchObject({ httpStatus: 405 });
  });

  it('hands the metadata to the handler, without reserved names and without a prototype', async () => {
    await start(new NodeRuntime());
    const sent = { token: 't', hasleader: 'true', 'some-bin': 'AAA', 'grpc-accept-encoding': 'gzip', constructor: 'c' };
    const { messages } = await client.call(unary, 'metadata', sent);
    expect(JSON.parse(String(messages[0]))).toEqual({ token: 't', hasleader: 'true', constructor: 'c' });
  });

  it('carries many messages both ways; half-close ends it in order', async () => {
    await start(new NodeRuntime());
    const stream = client.open(duplex);
    const answer = readAnswer(stream);
    for (let i = 0; i < 1_000; i++) stream.write(grpcFrame(Buffer.from(String(i))));
    stream.end();
    const { messages, status } = await answer;
    expect(status).toBe('0');
    expect(messages.map(String)).toEqual(Array.from({ length: 1_000 }, (_, i) => String(i)));
  });

  it('ends a duplex call with the status of its handler, though the caller would go on', async () => {
    await start(new NodeRuntime());
    const stream = client.open(duplex);
    const answer = readAnswer(stream);
    stream.write(grpcFrame(Buffer.from('one')));
    stream.write(grpcFrame(Buffer.from('fail')));
    expect(await answer).toMatchObject({ status: '5', text: '100 %25 n%C3%B6', messages: [Buffer.from('one')] });
    expect(server.stats().calls).toBe(0);
  });

  it('tells handlers when the caller cancels, and when its connection is gone', async () => {
    await start(new NodeRuntime());
    client.open(unary).end(grpcFrame(Buffer.from('hang')));
    await server.service.hanging.promise;
    await client.close();
    await server.service.cancelled.promise;
    await server.close();

    await start(new NodeRuntime());
    const stream = client.open(duplex);
    stream.write(grpcFrame(Buffer.from('stay')));
    await nextMessage(stream);
    // Node's client half-closes before it resets.
    stream.close(constants.NGHTTP2_CANCEL);
    await server.service.cancelled.promise;
    expect(server.service.open).toBe(0);
  });

  it('refuses HTTP/1 and other bytes, with or without a preface, and serves on', async () => {
    await start(new NodeRuntime());
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    for (const bytes of [
      'GET / HTTP/1.1\r\n\r\n',
      '\0\0\0',
      'PRI garbage that is no preface',
      `${preface}${'x'.repeat(999)}`,
    ]) {
      const socket = connectSocket(server.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(bytes);
      socket.resume();
      await once(socket, 'close');
    }
    expect(await client.call(unary, 'alive')).toMatchObject({ status: '0' });
    expect(server.stats().sessions).toBe(1);
  });

  it('accepts a preface that arrives byte by byte', async () => {
    await start(new NodeRuntime());
    const socket = connectSocket({ port: server.port, host: '127.0.0.1', noDelay: true });
    for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') {
      await new Promise((resolve) => socket.write(byte, resolve));
    }
    const [settings] = (await once(socket, 'data')) as [Buffer];
    // A SETTINGS frame: type 4 on stream 0.
    expect([settings[3], settings.readUInt32BE(5)]).toEqual([4, 0]);
    socket.destroy();
    await once(socket, 'close');
  });
});
