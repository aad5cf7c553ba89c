import { deepEqual, equal } from 'node:assert/strict';
import { grpcFrame } from '../../../src/wire/grpc-frame.js';
import { callHead, duplexPath, type FramePeer, unaryPath } from '../frame-peer.js';
import { Code, encodeFrame, Flag, FrameType } from '../frames.js';
import { callFields, type Field, headerBlock } from '../header-block.js';
import { refused, type TransportCase } from '../transport-case.js';

const block = headerBlock(callFields(unaryPath));
const body = grpcFrame(Buffer.from('x'));

/** Opens a call whose head comes in as many frames as there are parts. */
function openInParts(peer: FramePeer, stream: number, parts: readonly Uint8Array[]): void {
  for (const [i, part] of parts.entries()) {
    const flags = i === parts.length - 1 ? Flag.endHeaders : Flag.none;
    peer.write(encodeFrame(i === 0 ? FrameType.headers : FrameType.continuation, flags, stream, part));
  }
}

/** Heads of requests: CONTINUATION, HPACK, what must be in them and what must not. */
export const headerCases: readonly TransportCase[] = [
  {
    source: '6.10',
    title: 'takes a head in pieces, cut anywhere, empty ones too',
    run: async ({ greet }) => {
      const peer = await greet();
      let stream = 1;
      for (let at = 0; at <= block.length; at += 7, stream += 2) {
        openInParts(peer, stream, [block.subarray(0, at), Buffer.alloc(0), block.subarray(at)]);
        peer.write(encodeFrame(FrameType.data, Flag.endStream, stream, body));
        deepEqual((await peer.answer(stream)).body, body);
      }
    },
  },
  {
    source: 'RFC 7541, 5.2',
    title: 'takes Huffman code and its own table',
    run: async ({ greet }) => {
      const peer = await greet();
      // `custom-key: custom-value` into the table (RFC 7541, C.4.3), then by its number there.
      const huffman = Buffer.from('408825a849e95ba97d7f8925a849e95bb8e8b4bf', 'hex');
      for (const [stream, extra] of [
        [1, huffman],
        [3, Buffer.from([0xbe])],
      ] as const) {
        openInParts(peer, stream, [Buffer.concat([block, extra])]);
        peer.write(encodeFrame(FrameType.data, Flag.endStream, stream, body));
        equal((await peer.answer(stream)).reset, undefined);
      }
    },
  },
  {
    source: '10.5.1',
    title: 'refuses a head above its limit, and serves the next call',
    limits: { maxHeaderBytes: 4_000 },
    run: async ({ greet, transport }) => {
      const peer = await greet();
      openInParts(peer, 1, [headerBlock([...callFields(unaryPath), ['x', 'y'.repeat(9_000)]])]);
      const refusal = await peer.next(({ stream, type }) => stream === 1 && type !== FrameType.windowUpdate);
      equal(refusal.type === FrameType.reset || (refusal.flags & Flag.endStream) !== 0, true);
      equal(transport.stats().calls, 0);
      peer.call(3, 'x');
      deepEqual((await peer.answer(3)).body, body);
    },
  },
  {
    source: '8.2.1',
    title: 'lets no value with a line end through',
    run: async ({ greet }) => {
      const peer = await greet();
      openInParts(peer, 1, [headerBlock([...callFields(unaryPath), ['x-good', 'seen'], ['x-bad', 'a\r\nb: c']])]);
      peer.write(encodeFrame(FrameType.data, Flag.endStream, 1, grpcFrame(Buffer.from('metadata'))));
      const { body: metadata, reset } = await peer.answer(1);
      if (reset !== undefined) return;
      const names = Object.keys(JSON.parse(metadata.subarray(5).toString()) as object);
      deepEqual([names.includes('x-good'), names.includes('x-bad')], [true, false]);
    },
  },
  refused(
    '8.1.1',
    'refuses DATA other than content-length says',
    (peer) => {
      openInParts(peer, 1, [headerBlock([...callFields(unaryPath), ['content-length', '9']])]);
      peer.write(encodeFrame(FrameType.data, Flag.endStream, 1, body));
    },
    [Code.protocol],
    1,
  ),
  ...brokenContinuations(),
  ...brokenBlocks(),
  ...malformed(),
];

function brokenContinuations(): TransportCase[] {
  const begun = (stream: number) => encodeFrame(FrameType.headers, Flag.none, stream, block.subarray(0, 9));
  const going = (stream: number) => encodeFrame(FrameType.continuation, Flag.endHeaders, stream, block.subarray(9));
  const ping = encodeFrame(FrameType.ping, Flag.none, 0, Buffer.alloc(8));
  const cases: [string, Buffer[]][] = [
    ['another frame within a head', [begun(1), ping, going(1)]],
    ['the head of another stream within a head', [begun(1), callHead(3, unaryPath), going(1)]],
    ['a CONTINUATION of another stream', [begun(1), going(3)]],
    ['a CONTINUATION behind a head that is whole', [callHead(1, duplexPath), going(1)]],
    ['a CONTINUATION of nothing', [going(1)]],
    ['a CONTINUATION of the connection', [begun(1), going(0)]],
  ];
  return cases.map(([what, frames]) =>
    refused('6.10', `refuses ${what}`, (peer) => peer.write(...frames), [Code.protocol]),
  );
}

function brokenBlocks(): TransportCase[] {
  const cases: [string, string, number[]][] = [
    ['2.3.3', 'a number that is in no table', [0xff, 0x80, 0x10]],
    ['6.1', 'the number 0', [0x80]],
    ['6.3', 'a table above the one it has', [0x3f, 0xff, 0xff, 0x7f]],
    ['5.1', 'an integer without end', [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['5.2', 'a text that ends too early', [0x00, 0x05, 0x61]],
    ['5.2', 'Huffman code that ends with zeros', [0x00, 0x81, 0x00, 0x01, 0x61]],
  ];
  return cases.map(([source, what, bytes]) =>
    refused(`RFC 7541, ${source}`, `refuses ${what}`, (peer) => openInParts(peer, 1, [Buffer.from(bytes)]), [
      Code.compression,
    ]),
  );
}

function malformed(): TransportCase[] {
  const fields = callFields(unaryPath);
  const without = (name: string) => fields.filter(([each]) => each !== name);
  const cases: [string, string, Field[]][] = [
    ['8.2.1', 'a name with capitals', [...fields, ['X-Name', 'y']]],
    ['8.3', 'a name of HTTP/2’s own that it does not know', [[':other', 'y'], ...fields]],
    ['8.3', 'names of HTTP/2’s own behind others', [...without(':path'), [':path', unaryPath]]],
    ['8.3.1', 'a request without a path', without(':path')],
    ['8.3.1', 'a request without a method', without(':method')],
    ['8.3.1', 'a request with two paths', [[':path', unaryPath], ...fields]],
    ['8.2.2', 'a header of HTTP/1', [...fields, ['connection', 'close']]],
    ['8.2.2', 'te other than trailers', [...without('te'), ['te', 'gzip']]],
  ];
  return cases.map(([source, what, each]) =>
    refused(source, `refuses ${what}`, (peer) => openInParts(peer, 1, [headerBlock(each)]), [Code.protocol], 1),
  );
}
