import { deepEqual, equal, ok } from 'node:assert/strict';
import { grpcFrame } from '../../../src/wire/grpc-frame.js';
import { callHead, duplexPath, frameBytesMax } from '../frame-peer.js';
import { Code, encodeFrame, Flag, FrameType, Setting, settingsFrame, windowUpdate } from '../frames.js';
import { refused, type TransportCase } from '../transport-case.js';

const largest = 2 ** 31 - 1;

/** Flow control, both ways. */
export const windowCases: readonly TransportCase[] = [
  {
    source: '6.9.1',
    title: 'sends as much as a stream’s window has room for, and the rest when there is more',
    run: async ({ greet }) => {
      const peer = await greet([Setting.initialWindowSize, 0]);
      peer.call(1, 'hello');
      await peer.next(({ type, stream }) => type === FrameType.headers && stream === 1);
      await peer.fence();
      equal(peer.dataBytes(1), 0);
      peer.write(windowUpdate(1, 3));
      await peer.next(({ type, stream }) => type === FrameType.data && stream === 1);
      await peer.fence();
      equal(peer.dataBytes(1), 3);
      peer.write(windowUpdate(1, 100));
      deepEqual((await peer.answer(1)).body, grpcFrame(Buffer.from('hello')));
    },
  },
  {
    source: '6.9.2',
    title: 'changes the windows of open streams with SETTINGS, below zero too',
    run: async ({ greet }) => {
      const peer = await greet([Setting.initialWindowSize, 10]);
      peer.call(1, Buffer.alloc(45, 7));
      await peer.next(({ type, stream }) => type === FrameType.data && stream === 1);
      peer.write(settingsFrame([Setting.initialWindowSize, 0]));
      await peer.fence();
      // The window is at -10.
      peer.write(windowUpdate(1, 10));
      await peer.fence();
      equal(peer.dataBytes(1), 10);
      peer.write(settingsFrame([Setting.initialWindowSize, 60]));
      deepEqual((await peer.answer(1)).body, grpcFrame(Buffer.alloc(45, 7)));
    },
  },
  {
    source: '6.9.1',
    title: 'sends no more than the connection’s window, of all streams together',
    run: async ({ greet }) => {
      const peer = await greet([Setting.initialWindowSize, 1_000_000]);
      const received = () => peer.dataBytes(1) + peer.dataBytes(3);
      for (const stream of [1, 3]) peer.call(stream, Buffer.alloc(50_000));
      await peer.next(() => received() === 65_535);
      await peer.fence();
      equal(received(), 65_535);
      peer.write(windowUpdate(0, 1_000_000));
      for (const stream of [1, 3]) equal((await peer.answer(stream)).body.length, 50_005);
    },
  },
  {
    source: '6.9.1',
    title: 'makes room again for what it has read, on the stream and on the connection',
    run: async ({ greet }) => {
      const peer = await greet([Setting.initialWindowSize, largest]);
      peer.write(windowUpdate(0, largest - 65_535), callHead(1, duplexPath));
      const body = grpcFrame(Buffer.alloc(2_000_000, 1));
      // A sender that keeps to what it is given: the window of a new stream, then what comes.
      let sent = 0;
      let granted = 65_535;
      const grants = () => peer.frames.filter(({ type }) => type === FrameType.windowUpdate);
      const initial = peer.frames.find(({ type, flags }) => type === FrameType.settings && flags === 0)?.payload;
      for (let at = 0; initial !== undefined && at < initial.length; at += 6) {
        if (initial.readUInt16BE(at) === Setting.initialWindowSize) granted = initial.readUInt32BE(at + 2);
      }
      for (let heard = 0; sent < body.length; ) {
        for (; sent < Math.min(granted, body.length); sent += frameBytesMax) {
          const end = Math.min(sent + frameBytesMax, granted, body.length);
          peer.write(encodeFrame(FrameType.data, Flag.none, 1, body.subarray(sent, end)));
          if (end < sent + frameBytesMax) sent = end - frameBytesMax;
        }
        if (sent >= body.length) break;
        await peer.next(() => grants().filter(({ stream }) => stream === 1).length > heard);
        for (const { payload } of grants()
          .filter(({ stream }) => stream === 1)
          .slice(heard)) {
          granted += payload.readUInt32BE(0);
          heard += 1;
        }
      }
      await peer.next(() => peer.dataBytes(1) === body.length);
    },
  },
  {
    source: '6.9',
    title: 'sends the status though the last byte has used the window up',
    run: async ({ greet }) => {
      const peer = await greet([Setting.initialWindowSize, 10]);
      peer.call(1, Buffer.alloc(5));
      await peer.next(() => peer.dataBytes(1) === 10);
      await peer.fence();
      ok(peer.frames.some(({ type, flags }) => type === FrameType.headers && (flags & Flag.endStream) !== 0));
    },
  },
  {
    source: '6.9',
    title: 'lets one stream go on while another is not read',
    run: async ({ greet }) => {
      const peer = await greet([Setting.initialWindowSize, 20]);
      peer.call(1, Buffer.alloc(1_000));
      peer.call(3, 'x');
      deepEqual((await peer.answer(3)).body, grpcFrame(Buffer.from('x')));
      ok(peer.dataBytes(1) <= 20);
    },
  },
  refused('6.9', 'refuses an update of 0 of the connection', (peer) => peer.write(windowUpdate(0, 0)), [Code.protocol]),
  refused(
    '6.9',
    'refuses an update of 0 of a stream',
    (peer) => peer.write(callHead(1, duplexPath), windowUpdate(1, 0)),
    [Code.protocol],
    1,
  ),
  refused('6.9.1', 'refuses a window of the connection above 2³¹ − 1', (peer) => peer.write(windowUpdate(0, largest)), [
    Code.flowControl,
  ]),
  refused(
    '6.9.1',
    'refuses a window of a stream above 2³¹ − 1',
    (peer) => peer.write(callHead(1, duplexPath), windowUpdate(1, largest)),
    [Code.flowControl],
    1,
  ),
  refused(
    '6.9.2',
    'refuses settings that take a window above 2³¹ − 1',
    (peer) => {
      peer.write(callHead(1, duplexPath), windowUpdate(1, largest - 65_535));
      peer.write(settingsFrame([Setting.initialWindowSize, 65_536]));
    },
    [Code.flowControl],
    1,
  ),
];
