import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { grpcFrame } from '../../../src/wire/grpc-frame.js';
import { callHead, duplexPath, preface, unaryPath } from '../frame-peer.js';
import { Code, encodeFrame, Flag, FrameType, settingsFrame, uint32 } from '../frames.js';
import { expectRefusal, type TransportCase } from '../transport-case.js';

const stay = grpcFrame(Buffer.from('stay'));
const goAway = encodeFrame(FrameType.goAway, Flag.none, 0, Buffer.concat([uint32(0), uint32(Code.none)]));

/** The beginning of a connection, and its end. */
export const connectionCases: readonly TransportCase[] = [
  {
    source: '3.4',
    title: 'reads a conversation that comes byte by byte',
    run: async ({ connect }) => {
      const peer = await connect();
      const body = grpcFrame(Buffer.from('slowly'));
      const all = Buffer.concat([
        preface,
        settingsFrame(),
        callHead(1, unaryPath),
        encodeFrame(FrameType.data, Flag.endStream, 1, body),
      ]);
      for (const byte of all) {
        if (!peer.socket.write(Buffer.from([byte]))) await once(peer.socket, 'drain');
        await new Promise(setImmediate);
      }
      deepEqual((await peer.answer(1)).body, body);
    },
  },
  {
    source: '3.4',
    title: 'refuses another preface',
    run: async ({ connect }) => {
      const peer = await connect();
      peer.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', 'latin1'));
      await peer.next(({ type }) => type === FrameType.goAway).catch(() => {});
      expectRefusal(peer, [Code.protocol]);
    },
  },
  {
    source: '3.4',
    title: 'refuses a first frame that is no SETTINGS',
    run: async ({ connect }) => {
      const peer = await connect();
      peer.write(preface, callHead(1, unaryPath));
      await peer.fence();
      expectRefusal(peer, [Code.protocol]);
    },
  },
  {
    source: '3.4',
    title: 'ends a connection whose preface stays half',
    limits: { handshakeTimeoutMs: 5_000 },
    run: async ({ connect, greet, transport }) => {
      const half = await connect();
      half.write(preface.subarray(0, 20));
      // Whoever came later has been greeted: the half has arrived.
      await (await greet()).fence();
      await transport.advance(5_000);
      await half.closed;
    },
  },
  {
    source: '5.1',
    title: 'waits for the rest of a frame without holding others up, and not for ever',
    limits: { pingIntervalMs: 1_000, pingTimeoutMs: 500 },
    run: async ({ greet, transport }) => {
      const [half, other] = [await greet(), await greet()];
      half.write(callHead(1, duplexPath), encodeFrame(FrameType.data, Flag.none, 1, stay));
      await half.next(({ type }) => type === FrameType.data);
      half.write(encodeFrame(FrameType.data, Flag.none, 1, Buffer.alloc(100)).subarray(0, 50));
      other.call(1, 'x');
      equal((await other.answer(1)).reset, undefined);
      other.close();
      await other.closed;
      await transport.advance(1_000);
      await transport.advance(500);
      await half.closed;
      equal(transport.stats().calls, 0);
    },
  },
  {
    source: '6.8',
    title: 'answers the calls that are open when the peer says GOAWAY, then ends',
    limits: { pingTimeoutMs: 500 },
    run: async ({ greet, transport }) => {
      const peer = await greet();
      peer.write(callHead(1, duplexPath), encodeFrame(FrameType.data, Flag.none, 1, stay));
      await peer.next(({ type, stream }) => type === FrameType.data && stream === 1);
      peer.write(goAway);
      peer.write(encodeFrame(FrameType.data, Flag.none, 1, stay));
      await peer.next(() => peer.dataBytes(1) === 2 * stay.length);
      await transport.advance(500);
      await peer.closed;
    },
  },
  {
    source: '6.8',
    title: 'says GOAWAY when it stops, finishes what it has begun and begins nothing else',
    limits: { closeGraceMs: 1_000 },
    run: async ({ greet, transport }) => {
      const peer = await greet();
      peer.call(1, 'hang');
      await peer.fence();
      const closing = transport.closeServer();
      const last = await peer.next(({ type }) => type === FrameType.goAway);
      deepEqual([last.payload.readUInt32BE(4), last.payload.readUInt32BE(0) >= 1], [Code.none, true]);
      peer.call(3, 'late');
      await transport.advance(1_000);
      await peer.answer(1);
      await transport.advance(1_000);
      await closing;
      ok(peer.dataBytes(3) === 0);
    },
  },
  {
    source: '6.8',
    title: 'begins nothing else when it stops, though the peer has said GOAWAY before',
    limits: { closeGraceMs: 1_000 },
    run: async ({ greet, transport }) => {
      const peer = await greet();
      peer.call(1, 'hang');
      peer.write(goAway);
      await peer.fence();
      const closing = transport.closeServer();
      peer.call(3, 'late');
      const ping = Buffer.from('is taken', 'latin1');
      peer.write(encodeFrame(FrameType.ping, Flag.none, 0, ping));
      // A transport that has ended by then does not answer.
      await peer.next(({ type, payload }) => type === FrameType.ping && payload.equals(ping)).catch(() => {});
      await transport.advance(1_000);
      await peer.answer(1).catch(() => {});
      await transport.advance(1_000);
      await closing;
      equal(peer.dataBytes(3), 0);
    },
  },
];
