import { deepEqual, equal, ok } from 'node:assert/strict';
import { preface } from '../frame-peer.js';
import { Code, encodeFrame, Flag, type Frame, FrameType, Setting, settingsFrame } from '../frames.js';
import { refused, type TransportCase } from '../transport-case.js';

/** SETTINGS, both ways. */
export const settingsCases: readonly TransportCase[] = [
  {
    source: '3.4',
    title: 'says its settings first of all',
    limits: { maxStreams: 77, maxHeaderBytes: 5_000 },
    run: async ({ connect }) => {
      const peer = await connect();
      peer.write(preface, settingsFrame());
      await peer.fence();
      const [first] = peer.frames as [Frame];
      deepEqual([first.type, first.flags, first.stream], [FrameType.settings, Flag.none, 0]);
      const said = settingsIn(first);
      equal(said.get(Setting.maxConcurrentStreams), 77);
      equal(said.get(Setting.maxHeaderListSize), 5_000);
    },
  },
  {
    source: '6.5.3',
    title: 'confirms each SETTINGS once',
    run: async ({ greet }) => {
      const peer = await greet();
      peer.write(settingsFrame(), settingsFrame([Setting.maxFrameSize, 20_000]), settingsFrame());
      await peer.fence();
      equal(peer.frames.filter(({ type, flags }) => type === FrameType.settings && flags === Flag.ack).length, 4);
    },
  },
  {
    source: '6.5.2',
    title: 'passes over settings that it does not know',
    run: async ({ greet }) => {
      const peer = await greet([0x99, 7], [0xffff, 0xffff_ffff]);
      peer.call(1, 'x');
      equal((await peer.answer(1)).reset, undefined);
    },
  },
  {
    source: '4.2',
    title: 'sends no frame above what the peer takes',
    run: async ({ greet }) => {
      const peer = await greet([Setting.initialWindowSize, 1_000_000]);
      peer.call(1, Buffer.alloc(60_000));
      await peer.answer(1);
      ok(peer.frames.every(({ payload }) => payload.length <= 16_384));
    },
  },
  {
    source: '6.5.2',
    title: 'does without the table of headers when the peer has none',
    run: async ({ greet }) => {
      const peer = await greet([Setting.headerTableSize, 0]);
      for (const stream of [1, 3]) peer.call(stream, 'x');
      for (const stream of [1, 3]) equal((await peer.answer(stream)).reset, undefined);
      const [first, second] = peer.frames.filter(({ type, flags }) => type === FrameType.headers && flags === 4);
      // The first says that the table is empty now (RFC 7541, 6.3). Nothing of it is referred to in the second.
      equal(first?.payload[0], 0x20);
      ok(!second?.payload.includes(0xbe));
    },
  },
  ...refusals(),
];

function refusals(): TransportCase[] {
  const raw = (flags: number, stream: number, bytes: number) =>
    encodeFrame(FrameType.settings, flags, stream, Buffer.alloc(bytes));
  const cases: [string, string, Buffer, number[]][] = [
    ['6.5', 'SETTINGS on a stream', raw(Flag.none, 1, 6), [Code.protocol]],
    ['6.5', 'SETTINGS of five bytes', raw(Flag.none, 0, 5), [Code.frameSize]],
    ['6.5', 'a confirmation that says something', raw(Flag.ack, 0, 6), [Code.frameSize]],
    ['6.5.2', 'ENABLE_PUSH of 2', settingsFrame([Setting.enablePush, 2]), [Code.protocol]],
    ['6.5.2', 'a window above 2³¹ − 1', settingsFrame([Setting.initialWindowSize, 2 ** 31]), [Code.flowControl]],
    ['6.5.2', 'frames below 16,384 bytes', settingsFrame([Setting.maxFrameSize, 16_383]), [Code.protocol]],
    ['6.5.2', 'frames above 2²⁴ − 1 bytes', settingsFrame([Setting.maxFrameSize, 2 ** 24]), [Code.protocol]],
  ];
  return cases.map(([source, what, bytes, codes]) =>
    refused(source, `refuses ${what}`, (peer) => peer.write(bytes), codes),
  );
}

function settingsIn({ payload }: Frame): Map<number, number> {
  const pairs = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6) pairs.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  return pairs;
}
