import { once } from 'node:events';
import { type AddressInfo, createServer, type ListenOptions } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it, vi } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { ConclaveError, type Outcome } from '../../src/core/errors.js';
import { Connection } from '../../src/http2/connection.js';
import { pingTimeoutMs } from '../../src/http2-client/h2-keepalive.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { kvMethods } from '../../src/wire/methods.js';
import { eventually } from '../server/support/wait.js';
import { makeCertificates } from '../support/certificates.js';
import { freePorts } from '../support/etcd/free-ports.js';
import { expectNoLeaks } from '../support/leaks.js';
import {
  Code,
  encodeFrame,
  Flag,
  type Frame,
  FrameType,
  Setting,
  settingsFrame,
  windowUpdate,
} from '../transport/frames.js';
import { type Claim, falseClaims } from './claims.js';
import { FrameServer } from './frame-server.js';

import { goAway, notApplied, revision7, txn, underWay, unknown, watch } from './h2-scene.js';

describe('connections of H2Channel', () => {
  expectNoLeaks();

  it('waits for the greeting, and makes one connection for all', async () => {
    const runtime = new SimRuntime();
    await using server = await FrameServer.start('silent');
    const channel = new H2Channel({ address: server.address, clock: runtime });
    const calls = [txn(channel), txn(channel)];
    const connection = await server.connection();
    await connection.next(({ type }) => type === FrameType.settings);
    expect(connection.frames.some(({ type }) => type === FrameType.headers)).toBe(false);
    connection.write(settingsFrame());
    await connection.request(3);
    for (const stream of [1, 3]) connection.answer(stream, revision7);
    await Promise.all(calls);
    expect(server.connections).toHaveLength(1);
    await channel.close();
  });

  it('gives up a server that does not greet, tells later calls at once, and tries again after a pause', async () => {
    const runtime = new SimRuntime();
    await using server = await FrameServer.start('silent');
    const channel = new H2Channel({ address: server.address, clock: runtime });
    const call = txn(channel).catch((error: unknown) => error);
    await (await server.connection()).next(({ type }) => type === FrameType.settings);
    await runtime.advance(4_000);
    const failure = { ...notApplied, message: `cannot reach ${server.address}: no connection within 4000 ms` };
    expect(await call).toMatchObject(failure);
    await expect(txn(channel)).rejects.toMatchObject(failure);
    expect(await watch(channel).end).toMatchObject(failure);
    expect(server.connections).toHaveLength(1);
    await runtime.advance(120);
    const again = txn(channel);
    const connection = await server.connection(1);
    connection.write(settingsFrame());
    await connection.request(1);
    connection.answer(1, revision7);
    expect((await again).header.revision).toBe(7n);
    await channel.close();
  });

  it('says that nothing was sent where nobody listens or nobody speaks HTTP/2', async () => {
    const [port] = await freePorts(1);
    const channel = new H2Channel({ address: `127.0.0.1:${port}` });
    await expect(txn(channel)).rejects.toMatchObject({
      ...notApplied,
      message: `cannot reach 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    await channel.close();
    await using server = await FrameServer.start('silent');
    const other = new H2Channel({ address: server.address });
    const call = txn(other);
    (await server.connection()).write(Buffer.from('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'));
    await expect(call).rejects.toMatchObject(notApplied);
    await other.close();
  });

  it('keeps calls above the server’s limit of streams, and sends them as others end', async () => {
    await using server = await FrameServer.start([[Setting.maxConcurrentStreams, 2]]);
    const channel = new H2Channel({ address: server.address });
    const abort = new AbortController();
    const calls = [txn(channel), txn(channel), txn(channel, abort.signal), txn(channel)];
    const connection = await server.connection();
    await connection.request(3);
    abort.abort();
    await expect(calls[2]).rejects.toMatchObject({ code: 'CANCELLED' });
    connection.answer(1, revision7);
    await connection.request(5);
    expect(connection.frames.filter(({ type }) => type === FrameType.headers)).toHaveLength(3);
    for (const stream of [3, 5]) connection.answer(stream, revision7);
    await Promise.all([calls[0], calls[1], calls[3]]);
    await channel.close();
  });

  it('after GOAWAY finishes what the server has begun, and sends the rest on a new connection', async () => {
    await using server = await FrameServer.start([[Setting.maxConcurrentStreams, 2]]);
    const channel = new H2Channel({ address: server.address });
    const calls = [txn(channel), txn(channel), txn(channel)];
    const old = await server.connection();
    await old.request(3);
    // As etcd does that shuts down: first the highest number, then the one that counts.
    old.write(goAway(2 ** 31 - 1, Code.none), goAway(1, Code.none));
    const next = await server.connection(1);
    await next.request(1);
    next.answer(1, revision7);
    old.answer(1, revision7);
    await expect(calls[1]).rejects.toMatchObject(notApplied);
    expect((await Promise.all([calls[0], calls[2]])).map((each) => each?.header.revision)).toEqual([7n, 7n]);
    await old.closed;
    await channel.close();
  });

  it('closes a connection whose numbers are used up, though nothing is under way on it', async () => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const { call, connection: old } = await underWay(server, channel);
    old.answer(1, revision7);
    await call;
    // A billion calls later.
    using _ = vi.spyOn(Connection.prototype, 'canOpen', 'get').mockReturnValueOnce(false);
    const later = txn(channel);
    const next = await server.connection(1);
    await next.request(1);
    next.answer(1, revision7);
    await Promise.all([later, old.closed]);
    await channel.close();
  });

  it('calls nothing not applied that leaves while it closes', async () => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const { call, connection } = await underWay(server, channel);
    connection.answer(1, revision7);
    await call;
    const last = txn(channel);
    await channel.close();
    await expect(last).rejects.toMatchObject(unknown);
    await connection.closed;
    expect(connection.dataBytes(3)).toBeGreaterThan(0);
  });

  it('sends no more than the windows allow, and calls what has not all left not applied', async () => {
    await using server = await FrameServer.start([[Setting.initialWindowSize, 10]]);
    const channel = new H2Channel({ address: server.address });
    const put = (size: number) => {
      const call = channel.unary(kvMethods.put, { key: Buffer.from('k'), value: Buffer.alloc(size), lease: 0n }, {});
      call.catch(() => {});
      return call;
    };
    const [first, second] = [put(100_000), put(300_000)];
    const connection = await server.connection();
    await connection.next(({ type, stream }) => type === FrameType.data && stream === 3);
    expect([connection.dataBytes(1), connection.dataBytes(3)]).toEqual([10, 10]);
    connection.write(windowUpdate(1, 200_000), windowUpdate(3, 200_000));
    await connection.next(() => connection.dataBytes(1) + connection.dataBytes(3) === 65_535);
    connection.write(windowUpdate(0, 200_000));
    await connection.request(1);
    expect(connection.frames.every(({ payload }) => payload.length <= 16_384)).toBe(true);
    connection.socket.destroy();
    await expect(first).rejects.toMatchObject(unknown);
    await expect(second).rejects.toMatchObject(notApplied);
    await channel.close();
  });

  it('resets what is cancelled, and hears nothing of it any more', async () => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const abort = new AbortController();
    const call = txn(channel, abort.signal);
    const { call: stream, told } = watch(channel);
    const connection = await server.connection();
    await connection.call(3);
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', outcome: 'unknown' });
    connection.answer(1, revision7);
    stream.cancel();
    stream.cancel();
    connection.answer(3, revision7);
    for (const id of [1, 3]) {
      const { payload } = await connection.next((frame) => frame.type === FrameType.reset && frame.stream === id);
      expect(payload.readUInt32BE(0)).toBe(Code.cancel);
    }
    const later = txn(channel);
    await connection.request(5);
    connection.answer(5, revision7);
    await later;
    expect(told).toEqual([]);
    expect(connection.frames.filter(({ type }) => type === FrameType.reset)).toHaveLength(2);
    await channel.close();
  });

  it('gives a stream that is paused no more room until it goes on', async () => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const { call, told } = watch(channel);
    const connection = await server.connection();
    await connection.call(1);
    connection.head(1);
    call.pause?.(true);
    // A field of 15,000 bytes that nobody knows; 200 are more than half of the window.
    const response = Buffer.concat([Buffer.from([0x7a, 0x98, 0x75]), Buffer.alloc(15_000)]);
    for (let i = 0; i < 200; i++) connection.message(1, response);
    await eventually(() => told.length === 200);
    const isRoom = ({ type, stream }: Frame) => type === FrameType.windowUpdate && stream === 1;
    expect(connection.frames.filter(isRoom)).toEqual([]);
    call.pause?.(false);
    await connection.next(isRoom);
    await channel.close();
  });

  it('asks a silent peer for a sign of life while calls wait, and gives it up when none comes', async () => {
    const runtime = new SimRuntime();
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address, clock: runtime });
    const { call, connection } = await underWay(server, channel);
    const { end } = watch(channel);
    const pings = () => connection.frames.filter(({ type, flags }) => type === FrameType.ping && flags === 0);
    await runtime.advance(9_999);
    expect(pings()).toEqual([]);
    await runtime.advance(1);
    const { payload } = await connection.next(({ type }) => type === FrameType.ping);
    connection.write(encodeFrame(FrameType.ping, Flag.ack, 0, payload));
    connection.answer(1, revision7);
    await call;
    await runtime.advance(10_000);
    await connection.next(() => pings().length === 2);
    await runtime.advance(pingTimeoutMs);
    expect(await end).toMatchObject({ ...unknown, message: expect.stringContaining('no sign of life') });
    await connection.closed;
    await channel.close();
  });

  it('begins no call on a connection that it has given up, whose end has yet to be heard of', async () => {
    let nowMs = 0;
    let look = () => {};
    const setTimer = (_: number, fn: () => void) => {
      look = fn;
      return () => {};
    };
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address, clock: { monotonicMs: () => nowMs, setTimer } });
    const { call, connection } = await underWay(server, channel);
    nowMs = 10_000;
    look();
    await connection.next(({ type, flags }) => type === FrameType.ping && flags === 0);
    nowMs += pingTimeoutMs;
    look();
    const later = txn(channel);
    await expect(call).rejects.toMatchObject(unknown);
    const next = await server.connection(1);
    await next.request(1);
    next.answer(1, revision7);
    expect((await later).header.revision).toBe(7n);
    await channel.close();
  });

  it('answers a ping 50 ms later', async () => {
    const runtime = new SimRuntime();
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address, clock: runtime });
    const { call, connection } = await underWay(server, channel);
    connection.write(encodeFrame(FrameType.ping, Flag.none, 0, Buffer.from('byitself')));
    connection.answer(1, revision7);
    await call;
    await runtime.advance(49);
    expect(connection.frames.some(({ type }) => type === FrameType.ping)).toBe(false);
    await runtime.advance(1);
    const { payload } = await connection.next(({ type, flags }) => type === FrameType.ping && flags === Flag.ack);
    expect(payload.toString('latin1')).toBe('byitself');
    await channel.close();
  });

  it('asks nobody who owes nothing, but behind the next call; and half as often when it is told to', async () => {
    const runtime = new SimRuntime();
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address, clock: runtime });
    const { call, connection } = await underWay(server, channel);
    connection.answer(1, revision7);
    await call;
    await runtime.advance(100_000);
    const { end } = watch(channel);
    await connection.next(({ type }) => type === FrameType.ping);
    const asked = connection.frames.filter(({ type, stream }) => type === FrameType.ping || stream === 3);
    expect(asked.map(({ type }) => type)).toEqual([FrameType.headers, FrameType.ping]);
    connection.write(goAway(2 ** 31 - 1, Code.calm, 'too_many_pings'));
    connection.socket.end();
    expect(await end).toMatchObject(unknown);
    watch(channel);
    const next = await server.connection(1);
    await next.call(1);
    await runtime.advance(19_999);
    expect(next.frames.filter(({ type }) => type === FrameType.ping)).toEqual([]);
    await runtime.advance(1);
    await next.next(({ type }) => type === FrameType.ping);
    await channel.close();
  });

  it.each<[string, ListenOptions]>([
    ['an IPv6 address', { host: '::1', port: 0 }],
    ['a Unix socket', { path: join(tmpdir(), `conclave-h2-${process.pid}.sock`) }],
  ])('goes to %s', async (_, at) => {
    await using server = await FrameServer.start([], at);
    const channel = new H2Channel({ address: server.address });
    const { call, connection } = await underWay(server, channel);
    connection.answer(1, revision7);
    expect((await call).header.revision).toBe(7n);
    await channel.close();
  });

  it('over TLS goes to nobody who cannot prove to be who was asked for, or does not speak HTTP/2', async () => {
    using certificates = makeCertificates();
    const [cert, key] = [certificates.text('server.crt'), certificates.text('server.key')];
    const server = createTlsServer({ cert, key });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const failures = [
      [{ ca: certificates.text('ca.crt') }, /does not offer HTTP\/2/],
      [{}, /certificate/],
      [{ ca: 'no PEM' }, /cannot reach/],
    ] as const;
    for (const [tls, why] of failures) {
      const channel = new H2Channel({ address, tls });
      const failure = await txn(channel).catch((error: unknown) => error);
      expect(failure).toMatchObject({ ...notApplied, message: expect.stringMatching(why) });
      await channel.close();
    }
    server.close();
  });

  it('says in a few words of OpenSSL’s that a server does not speak TLS', async () => {
    const server = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const channel = new H2Channel({ address, tls: {} });
    const message = `cannot reach ${address}: SSL routines: wrong version number`;
    await expect(txn(channel)).rejects.toMatchObject({ ...notApplied, message });
    await channel.close();
    server.close();
    await once(server, 'close');
  });

  it('refuses metadata that no header can carry', async () => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const call = channel.unary(kvMethods.txn, {}, { metadata: { token: 'a\r\nb' } });
    await expect(call).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-applied' });
    await channel.close();
  });

  it.each([
    ['tells the truth', (outcome: Outcome): Claim => outcome, 0],
    ['takes what is unknown for not applied: found', (): Claim => 'not-applied', 1],
  ])('of a write that was applied and not answered a caller %s', async (_, hear, wrong) => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const { call, connection } = await underWay(server, channel);
    const there = new Set(['written']);
    connection.socket.destroy();
    const { outcome } = ConclaveError.from(await call.catch((error: unknown) => error));
    expect(falseClaims(new Map([['written', hear(outcome)]]), there)).toHaveLength(wrong);
    await channel.close();
  });
});
