import { equal } from 'node:assert/strict';
import { grpcFrame } from '../../../src/wire/grpc-frame.js';
import { callHead, duplexPath, type FramePeer, unaryPath } from '../frame-peer.js';
import { Code, encodeFrame, Flag, FrameType, resetFrame, settingsFrame, windowUpdate } from '../frames.js';
import { callFields, headerBlock } from '../header-block.js';
import type { TransportCase } from '../transport-case.js';

const many = 20_000;

/** Floods: each is taken to its end or the connection is given up, and whoever else is there is served meanwhile. */
export const floodCases: readonly TransportCase[] = [
  flood('CVE-2019-9512', 'PING, the answers unread', (peer) => {
    peer.socket.pause();
    const ping = encodeFrame(FrameType.ping, Flag.none, 0, Buffer.alloc(8));
    peer.write(...Array.from({ length: many }, () => ping));
  }),
  flood('CVE-2019-9515', 'SETTINGS, the confirmations unread', (peer) => {
    peer.socket.pause();
    peer.write(...Array.from({ length: many }, () => settingsFrame()));
  }),
  flood('CVE-2019-9514, CVE-2023-44487', 'calls that are reset at once', (peer) => {
    peer.write(
      ...Array.from({ length: many }, (_, i) =>
        Buffer.concat([callHead(2 * i + 1, duplexPath), resetFrame(2 * i + 1, Code.cancel)]),
      ),
    );
  }),
  flood('CVE-2025-8671', 'calls that it is made to reset', (peer) => {
    peer.write(
      ...Array.from({ length: many }, (_, i) =>
        Buffer.concat([callHead(2 * i + 1, duplexPath), windowUpdate(2 * i + 1, 0)]),
      ),
    );
  }),
  flood('10.5', 'frames of no known kind', (peer) => {
    peer.write(...Array.from({ length: many }, () => encodeFrame(0x16, Flag.none, 0, Buffer.alloc(8))));
  }),
  flood('CVE-2019-9518', 'empty DATA', (peer) => {
    const empty = encodeFrame(FrameType.data, Flag.none, 1);
    peer.write(callHead(1, duplexPath), ...Array.from({ length: many }, () => empty));
  }),
  flood('CVE-2019-9516', 'headers without a name', (peer) => {
    const block = Buffer.concat([headerBlock(callFields(unaryPath)), Buffer.alloc(3 * 4_000)]);
    for (let i = 0; i < 100; i++) peer.write(encodeFrame(FrameType.headers, Flag.endHeaders, 2 * i + 1, block));
  }),
  flood('CVE-2019-9513', 'PRIORITY', (peer) => {
    const priority = (stream: number) =>
      encodeFrame(FrameType.priority, Flag.none, stream, Buffer.from([0, 0, 0, 0, 9]));
    peer.write(...Array.from({ length: many }, (_, i) => priority(2 * i + 1)));
  }),
  {
    source: 'CVE-2024-27316',
    title: 'gives up a connection whose head has no end',
    run: async ({ greet }) => {
      const [peer, other] = [await greet(), await greet()];
      const field = headerBlock([['x-name', 'y'.repeat(900)]]);
      peer.write(encodeFrame(FrameType.headers, Flag.none, 1, headerBlock(callFields(unaryPath))));
      const going = encodeFrame(FrameType.continuation, Flag.none, 1, field);
      peer.write(...Array.from({ length: many }, () => going));
      await peer.next(({ type }) => type === FrameType.goAway).catch(() => {});
      equal(peer.isClosed || peer.goAwayCode !== undefined, true);
      other.call(1, 'x');
      equal((await other.answer(1)).reset, undefined);
    },
  },
  {
    source: '10.5',
    title: 'serves others while a peer takes nothing of what it asked for',
    run: async ({ greet }) => {
      const [peer, other] = [await greet(), await greet()];
      peer.socket.pause();
      for (let i = 0; i < 200; i++) peer.call(2 * i + 1, Buffer.alloc(10_000));
      other.call(1, 'x');
      equal((await other.answer(1)).reset, undefined);
    },
  },
];

function flood(source: string, what: string, send: (peer: FramePeer) => void): TransportCase {
  return {
    source,
    title: `survives a flood of ${what}`,
    run: async ({ greet }) => {
      const [peer, other] = [await greet(), await greet()];
      send(peer);
      other.call(1, 'x');
      equal((await other.answer(1)).body.length, grpcFrame(Buffer.from('x')).length);
      peer.socket.resume();
      await peer.fence();
    },
  };
}
