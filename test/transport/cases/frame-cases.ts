import { deepEqual, equal } from 'node:assert/strict';
import { grpcFrame } from '../../../src/wire/grpc-frame.js';
import { callHead, duplexPath, unaryPath } from '../frame-peer.js';
import { Code, encodeFrame, Flag, FrameType, uint32 } from '../frames.js';
import { refused, type TransportCase } from '../transport-case.js';

const eight = Buffer.from('12345678', 'latin1');

/** Sizes, kinds and places of frames. */
export const frameCases: readonly TransportCase[] = [
  {
    source: '4.1',
    title: 'passes over frames of a kind that it does not know',
    run: async ({ greet }) => {
      const peer = await greet();
      peer.write(encodeFrame(0x16, 0xff, 0, eight), encodeFrame(0xfe, 0, 7, eight));
      peer.call(1, 'x');
      deepEqual(await peer.answer(1), { body: grpcFrame(Buffer.from('x')), reset: undefined });
    },
  },
  {
    source: '4.1',
    title: 'does not look at the reserved bit of a stream’s number',
    run: async ({ greet }) => {
      const peer = await greet();
      const body = encodeFrame(FrameType.data, Flag.endStream, 1, grpcFrame(Buffer.from('x')));
      body.writeUInt32BE(0x8000_0001, 5);
      peer.write(callHead(1, unaryPath), body);
      deepEqual((await peer.answer(1)).body, grpcFrame(Buffer.from('x')));
    },
  },
  {
    source: '6.7',
    title: 'answers a PING with its own bytes',
    run: async ({ greet }) => {
      const peer = await greet();
      peer.write(encodeFrame(FrameType.ping, Flag.none, 0, eight));
      await peer.fence();
      const pongs = peer.frames.filter(({ type, payload }) => type === FrameType.ping && payload.equals(eight));
      deepEqual(
        pongs.map(({ flags }) => flags),
        [Flag.ack],
      );
    },
  },
  {
    source: '6.1',
    title: 'takes padding away',
    run: async ({ greet }) => {
      const peer = await greet();
      const body = grpcFrame(Buffer.from('padded'));
      const payload = Buffer.concat([Buffer.from([200]), body, Buffer.alloc(200)]);
      peer.write(callHead(1, unaryPath), encodeFrame(FrameType.data, Flag.endStream | Flag.padded, 1, payload));
      deepEqual((await peer.answer(1)).body, body);
    },
  },
  {
    source: '6.3',
    title: 'takes PRIORITY, of streams that are not open too',
    run: async ({ greet }) => {
      const peer = await greet();
      peer.write(encodeFrame(FrameType.priority, Flag.none, 9, Buffer.from([0, 0, 0, 0, 10])));
      peer.call(1, 'x');
      equal((await peer.answer(1)).reset, undefined);
    },
  },
  ...refusals(),
];

function refusals(): TransportCase[] {
  const ofStream = (type: number, payload: Uint8Array) => encodeFrame(type, Flag.none, 1, payload);
  const ofAll = (type: number, payload: Uint8Array) => encodeFrame(type, Flag.none, 0, payload);
  const frames: [string, string, Buffer, number[]][] = [
    ['6.7', 'a PING of seven bytes', ofAll(FrameType.ping, eight.subarray(1)), [Code.frameSize]],
    ['6.7', 'a PING on a stream', ofStream(FrameType.ping, eight), [Code.protocol]],
    ['6.8', 'a GOAWAY on a stream', ofStream(FrameType.goAway, eight), [Code.protocol]],
    ['6.4', 'a reset of the connection', ofAll(FrameType.reset, uint32(Code.cancel)), [Code.protocol]],
    ['6.4', 'a reset of a stream that never was', ofStream(FrameType.reset, uint32(Code.cancel)), [Code.protocol]],
    ['6.9', 'a WINDOW_UPDATE of three bytes', ofAll(FrameType.windowUpdate, Buffer.alloc(3)), [Code.frameSize]],
    ['6.9', 'a WINDOW_UPDATE of a stream that never was', ofStream(FrameType.windowUpdate, uint32(1)), [Code.protocol]],
    ['6.3', 'a PRIORITY of the connection', ofAll(FrameType.priority, Buffer.alloc(5)), [Code.protocol]],
    ['6.1', 'DATA of the connection', ofAll(FrameType.data, eight), [Code.protocol]],
    ['5.1', 'DATA of a stream that never was', ofStream(FrameType.data, eight), [Code.protocol]],
    ['8.4', 'a PUSH_PROMISE', ofStream(FrameType.pushPromise, eight), [Code.protocol]],
    ['4.2', 'a frame above 16,384 bytes', ofAll(0x16, Buffer.alloc(16_385)), [Code.frameSize]],
    ['4.2', 'HEADERS above 16,384 bytes', ofStream(FrameType.headers, Buffer.alloc(16_385)), [Code.frameSize]],
  ];
  const opened = (type: number, flags: number, payload: Uint8Array) =>
    Buffer.concat([callHead(1, duplexPath), encodeFrame(type, flags, 1, payload)]);
  const ofOpen: [string, string, Buffer, number[]][] = [
    ['6.4', 'a reset of three bytes', opened(FrameType.reset, 0, Buffer.alloc(3)), [Code.frameSize]],
    ['6.3', 'a PRIORITY of four bytes', opened(FrameType.priority, 0, Buffer.alloc(4)), [Code.frameSize]],
    ['6.1', 'padding above the frame', opened(FrameType.data, Flag.padded, Buffer.from([9, 1])), [Code.protocol]],
    ['4.2', 'DATA above 16,384 bytes', opened(FrameType.data, 0, Buffer.alloc(16_385)), [Code.frameSize]],
  ];
  return [
    ...frames.map(([source, what, bytes, codes]) =>
      refused(source, `refuses ${what}`, (peer) => peer.write(bytes), codes),
    ),
    ...ofOpen.map(([source, what, bytes, codes]) =>
      refused(source, `refuses ${what}`, (peer) => peer.write(bytes), codes, 1),
    ),
  ];
}
