import { once } from 'node:events';
import { constants } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/runtime.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import type { ServerLimits } from '../../src/server/grpc/limits.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { nextMessage, type RawClient, readAnswer } from './support/raw-client.js';
import { RawPeer } from './support/raw-peer.js';
import { TestGrpc } from './support/test-grpc.js';
import { eventually } from './support/wait.js';

const unary = '/test.Echo/Unary';
const duplex = '/test.Echo/Duplex';

describe.each(['own', 'node'] as const)('limits of the gRPC server (%s)', (kind) => {
  let server: TestGrpc;
  let client: RawClient;
  const start = async (runtime: Runtime, limits: Partial<ServerLimits> = {}) => {
    server = await TestGrpc.start(runtime, limits, kind);
    client = await server.connect();
  };
  afterEach(() => server.close());

  it('refuses a message above 2 MiB and takes one of exactly that', async () => {
    await start(new NodeRuntime());
    const largest = await client.call(unary, Buffer.alloc(2_097_152, 1));
    expect(largest.status).toBe('0');
    expect(largest.messages[0]?.length).toBe(2_097_152);
    expect(await client.call(unary, Buffer.alloc(2_097_153))).toMatchObject({
      status: '8',
      text: 'grpc: received message larger than max (2097153 vs. 2097152)',
    });
  });

  // etcd-difference: limits
  it('refuses a length prefix of 1 GiB at once, though the caller goes on', async () => {
    await start(new NodeRuntime());
    for (const path of [unary, duplex]) {
      const stream = client.open(path);
      const answer = readAnswer(stream);
      stream.write(Buffer.from([0, 0x40, 0, 0, 0, 1, 2, 3]));
      expect(await answer).toMatchObject({
        status: '8',
        text: 'grpc: received message larger than max (1073741824 vs. 2097152)',
      });
    }
    expect(server.stats().calls).toBe(0);
  });

  it('refuses compressed messages', async () => {
    await start(new NodeRuntime());
    const answer = await client.sendRaw(unary, Buffer.from([1, 0, 0, 0, 1, 9]), { 'grpc-encoding': 'gzip' });
    expect(answer).toMatchObject({ status: '12' });
  });

  it('ends a call whose message stays incomplete', async () => {
    const runtime = new SimRuntime();
    await start(runtime);
    const half = client.open(duplex);
    const none = client.open(unary);
    const answers = [readAnswer(half), readAnswer(none)];
    half.write(grpcFrame(Buffer.from('first')));
    await nextMessage(half);
    half.write(grpcFrame(Buffer.from('second')).subarray(0, 8));
    // The server answers a later message on the same connection only when it has read the earlier one.
    await client.call(unary, 'x');
    expect(server.stats().calls).toBe(2);
    await runtime.advance(10_000);
    for (const answer of answers) {
      expect(await answer).toMatchObject({ status: '4', text: 'grpc: the message did not arrive within 10000 ms' });
    }
  });

  it('leaves a duplex call that waits between messages alone', async () => {
    const runtime = new SimRuntime();
    await start(runtime);
    const stream = client.open(duplex);
    stream.write(grpcFrame(Buffer.from('first')));
    await nextMessage(stream);
    await runtime.advance(10_000);
    stream.write(grpcFrame(Buffer.from('second')));
    expect(String(await nextMessage(stream))).toBe('second');
  });

  it('honours grpc-timeout and tells the handler', async () => {
    const runtime = new SimRuntime();
    await start(runtime);
    const answer = client.call(unary, 'hang', { 'grpc-timeout': '1500m' });
    await server.service.hanging.promise;
    await runtime.advance(1_500);
    await server.service.cancelled.promise;
    expect(await answer).toMatchObject({ status: '4', text: 'context deadline exceeded' });
    expect(await client.call(unary, 'x', { 'grpc-timeout': '2 S' })).toMatchObject({ status: '13' });
  });

  it('bounds the bytes of incomplete messages per connection', async () => {
    await start(new NodeRuntime(), { maxPartialBytes: 100_000 });
    const half = grpcFrame(Buffer.alloc(60_000)).subarray(0, 50_000);
    const first = client.open(duplex);
    first.write(half);
    const second = client.open(duplex);
    const refused = readAnswer(second);
    second.write(grpcFrame(Buffer.alloc(60_000)).subarray(0, 55_000));
    expect(await refused).toMatchObject({ status: '8' });
    // What the refused call held was given back.
    const third = client.open(duplex);
    third.write(half.subarray(0, 45_000));
    expect(await client.call(unary, 'x')).toMatchObject({ status: '0' });
    expect(server.stats().calls).toBe(2);
  });

  it('resets a stream whose caller does not read, with the code that gRPC reads as RESOURCE_EXHAUSTED', async () => {
    await start(new NodeRuntime());
    const slow = await server.connect({ initialWindowSize: 1_000 });
    const stream = slow.open(duplex);
    stream.write(grpcFrame(Buffer.from('flood 32')));
    await server.service.flooded.promise;
    await server.service.cancelled.promise;
    expect((await readAnswer(stream)).rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(server.service.open).toBe(0);
  });

  it('bounds what is unread on all streams of a connection together', async () => {
    await start(new NodeRuntime(), { maxSessionUnsentBytes: 5 * 1024 * 1024 });
    const slow = await server.connect({ initialWindowSize: 1_000 });
    const first = slow.open(duplex);
    first.write(grpcFrame(Buffer.from('flood 4')));
    await server.service.flooded.promise;
    const second = slow.open(unary);
    second.end(grpcFrame(Buffer.alloc(1_900_000)));
    expect((await readAnswer(second)).rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // What the first held is given back with it.
    first.close(constants.NGHTTP2_CANCEL);
    await eventually(() => server.stats().calls === 0);
    const third = slow.open(unary);
    const answer = readAnswer(third);
    third.end(grpcFrame(Buffer.alloc(1_900_000)));
    expect(await answer).toMatchObject({ status: '0' });
  });

  it('refuses to send an answer that is too large', async () => {
    await start(new NodeRuntime(), { maxAnswerBytes: 1_000 });
    expect(await client.call(unary, Buffer.alloc(1_000))).toMatchObject({ status: '0' });
    expect(await client.call(unary, Buffer.alloc(1_001))).toMatchObject({
      status: '8',
      text: 'grpc: trying to send message larger than max (1001 vs. 1000)',
    });
  });

  it('ends a connection that opens 20,000 streams in spite of its limit, and serves others', async () => {
    await start(new NodeRuntime(), { maxStreams: 1_000 });
    const peer = await new RawPeer(server.port).handshake();
    peer.openCalls(duplex, 20_000, grpcFrame(Buffer.from('stay')));
    await peer.closed;
    expect(await client.call(unary, 'alive')).toMatchObject({ status: '0' });
    expect(server.stats()).toEqual({ sessions: 1, calls: 0 });
    expect(server.service.open).toBe(0);
    expect(server.service.openMax).toBe(1_000);
  });

  it('lets a client that keeps to the limit wait for its turn', async () => {
    await start(new NodeRuntime(), { maxStreams: 10 });
    await client.call(unary, 'the client has seen the settings');
    const answers = await Promise.all(Array.from({ length: 5_000 }, (_, i) => client.call(unary, String(i))));
    expect(answers.map(({ messages }) => String(messages[0]))).toEqual(answers.map((_, i) => String(i)));
  });

  it('bounds connections, altogether and from one address', async () => {
    await start(new NodeRuntime(), { maxSessions: 3, maxSessionsPerAddress: 2 });
    const sockets: Socket[] = [];
    const open = async (localAddress: string) => {
      const socket = connectSocket({ port: server.port, host: '127.0.0.1', localAddress });
      socket.on('error', () => {});
      sockets.push(socket);
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      // The server's SETTINGS, or the end.
      return Promise.race([once(socket, 'data').then(() => 'served'), once(socket, 'close').then(() => 'closed')]);
    };
    expect(await open('127.0.0.1')).toBe('served');
    expect(await open('127.0.0.1')).toBe('closed');
    expect(await open('127.0.0.2')).toBe('served');
    expect(await open('127.0.0.3')).toBe('closed');
    sockets[0]?.destroy();
    for (const socket of sockets) if (!socket.closed) socket.destroy();
  });

  it('closes connections that say nothing, not all of the handshake, or nothing for five minutes', async () => {
    const runtime = new SimRuntime();
    await start(runtime, { pingIntervalMs: 300_000 });
    const silent = connectSocket(server.port, '127.0.0.1');
    await once(silent, 'connect');
    const prefaceOnly = connectSocket(server.port, '127.0.0.1');
    prefaceOnly.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await once(prefaceOnly, 'data');
    const closed = [once(silent, 'close'), once(prefaceOnly, 'close')];
    silent.resume();
    prefaceOnly.resume();
    await client.call(unary, 'x');
    expect(server.stats().sessions).toBe(2);
    await runtime.advance(5_000);
    await Promise.all(closed);
    expect(server.stats().sessions).toBe(1);
    const pinged = once(client.session, 'ping');
    await runtime.advance(300_000);
    await pinged;
    await client.roundTrip();
    const idle = once(client.session, 'close');
    await runtime.advance(300_000);
    await idle;
    expect(server.stats().sessions).toBe(0);
  });

  it('asks a connection with calls for a sign of life, and cuts it when there is none', async () => {
    const runtime = new SimRuntime();
    await start(runtime, { pingIntervalMs: 1_000, pingTimeoutMs: 100, idleTimeoutMs: 1_000 });
    const stream = client.open(duplex);
    stream.write(grpcFrame(Buffer.from('stay')));
    await nextMessage(stream);
    const pinged = once(client.session, 'ping');
    await runtime.advance(1_000);
    await pinged;
    // The answer to this call comes after the pong was read.
    expect(await client.call(unary, 'x')).toMatchObject({ status: '0' });
    await runtime.advance(100);
    expect(server.stats()).toEqual({ sessions: 1, calls: 1 });
    await client.close();
    await server.service.cancelled.promise;

    const peer = await new RawPeer(server.port).handshake();
    peer.openCalls(duplex, 1, grpcFrame(Buffer.from('stay')));
    await server.service.opened(1);
    expect(server.stats().calls).toBe(1);
    await runtime.advance(1_000);
    expect(server.service.open).toBe(1);
    await runtime.advance(100);
    await peer.closed;
    expect(server.service.open).toBe(0);
    await server.closeServer();
    expect(server.stats()).toEqual({ sessions: 0, calls: 0 });
    expect(runtime.pendingTimers).toBe(0);
  });
});

describe('closing the gRPC server', () => {
  it('ends streams with a status, lets unary calls finish, and waits for the connections', async () => {
    const runtime = new SimRuntime();
    const server = await TestGrpc.start(runtime);
    const client = await server.connect();
    const stream = client.open(duplex);
    const ended = readAnswer(stream);
    stream.write(grpcFrame(Buffer.from('stay')));
    await nextMessage(stream);
    const hanging = client.call(unary, 'hang');
    await server.service.hanging.promise;

    const closing = server.closeServer();
    expect(await ended).toMatchObject({ status: '14', text: 'etcdserver: server stopped' });
    expect(server.service.open).toBe(0);
    await runtime.advance(1_000);
    expect(await hanging).toMatchObject({ status: '14', text: 'etcdserver: server stopped' });
    await closing;
    await server.closeServer();
    expect(server.stats()).toEqual({ sessions: 0, calls: 0 });
    expect(runtime.pendingTimers).toBe(0);
    await server.close();
  });

  it('cuts a peer that does not take what it asked for', async () => {
    const runtime = new SimRuntime();
    const server = await TestGrpc.start(runtime);
    const client = await server.connect({ initialWindowSize: 1_000 });
    const stream = client.open(duplex);
    stream.write(grpcFrame(Buffer.from('flood 4')));
    await server.service.flooded.promise;
    const closing = server.closeServer();
    await runtime.advance(2_000);
    await closing;
    expect(runtime.pendingTimers).toBe(0);
    await server.close();
  });
});
