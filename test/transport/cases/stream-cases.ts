import { deepEqual, equal } from 'node:assert/strict';
import { grpcFrame } from '../../../src/wire/grpc-frame.js';
import { callHead, duplexPath, type FramePeer, unaryPath } from '../frame-peer.js';
import { Code, encodeFrame, Flag, FrameType, resetFrame } from '../frames.js';
import { callFields, headerBlock } from '../header-block.js';
import { expectRefusal, refused, type TransportCase } from '../transport-case.js';

const stay = grpcFrame(Buffer.from('stay'));

function openDuplex(peer: FramePeer, stream: number): void {
  peer.write(callHead(stream, duplexPath), encodeFrame(FrameType.data, Flag.none, stream, stay));
}

/** The life of a stream, and how many there may be. */
export const streamCases: readonly TransportCase[] = [
  {
    source: '5.1.2',
    title: 'refuses streams above its limit, and takes others when one has ended',
    limits: { maxStreams: 2 },
    run: async ({ greet }) => {
      const peer = await greet();
      for (const stream of [1, 3]) openDuplex(peer, stream);
      for (const stream of [1, 3]) await peer.next((frame) => frame.stream === stream && frame.type === FrameType.data);
      openDuplex(peer, 5);
      await peer.fence();
      expectRefusal(peer, [Code.refused, Code.protocol], 5);
      peer.write(resetFrame(1, Code.cancel));
      await peer.fence();
      openDuplex(peer, 7);
      await peer.next((frame) => frame.stream === 7 && frame.type === FrameType.data);
      equal(peer.goAwayCode, undefined);
    },
  },
  {
    source: '5.4.2',
    title: 'lets go of a call that is reset, and takes what is still on its way for nothing',
    run: async ({ greet, transport }) => {
      const peer = await greet();
      openDuplex(peer, 1);
      await peer.next((frame) => frame.stream === 1 && frame.type === FrameType.data);
      equal(transport.stats().calls, 1);
      peer.write(resetFrame(1, Code.cancel), encodeFrame(FrameType.reset, Flag.none, 1, Buffer.from([0, 0, 0, 8])));
      peer.call(3, 'x');
      deepEqual((await peer.answer(3)).body, grpcFrame(Buffer.from('x')));
      equal(transport.stats().calls, 0);
    },
  },
  {
    source: '5.1.1',
    title: 'takes numbers that leave some out',
    run: async ({ greet }) => {
      const peer = await greet();
      for (const stream of [7, 99, 2 ** 31 - 1]) {
        peer.call(stream, 'x');
        equal((await peer.answer(stream)).reset, undefined);
      }
    },
  },
  {
    source: '8.1',
    title: 'takes trailers at the end of a request',
    run: async ({ greet }) => {
      const peer = await greet();
      peer.write(callHead(1, duplexPath));
      const block = headerBlock([['x-last', 'y']]);
      peer.write(encodeFrame(FrameType.headers, Flag.endHeaders | Flag.endStream, 1, block));
      equal((await peer.answer(1)).reset, undefined);
    },
  },
  refused('5.1.1', 'refuses an even number', (peer) => peer.write(callHead(2, unaryPath)), [Code.protocol]),
  {
    source: '5.1.1',
    title: 'begins nothing under a number below an earlier one',
    run: async ({ greet, transport }) => {
      const peer = await greet();
      openDuplex(peer, 9);
      await peer.next((frame) => frame.stream === 9 && frame.type === FrameType.data);
      openDuplex(peer, 5);
      await peer.fence();
      equal(transport.stats().calls, peer.goAwayCode === undefined ? 1 : 0);
      equal(peer.dataBytes(5), 0);
    },
  },
  refused(
    '5.1',
    'refuses DATA behind the end of a request',
    (peer) => {
      peer.write(encodeFrame(FrameType.headers, Flag.endHeaders | Flag.endStream, 1, callBlock()));
      peer.write(encodeFrame(FrameType.data, Flag.none, 1, stay));
    },
    [Code.streamClosed],
    1,
  ),
  refused(
    '5.1',
    'refuses HEADERS behind the end of a request',
    (peer) => {
      const head = encodeFrame(FrameType.headers, Flag.endHeaders | Flag.endStream, 1, callBlock());
      peer.write(head, head);
    },
    [Code.streamClosed, Code.protocol],
    1,
  ),
  refused(
    '8.1',
    'refuses a second head that does not end the request',
    (peer) => peer.write(callHead(1, duplexPath), callHead(1, duplexPath)),
    [Code.protocol],
    1,
  ),
];

function callBlock(): Buffer {
  return headerBlock(callFields(duplexPath));
}
