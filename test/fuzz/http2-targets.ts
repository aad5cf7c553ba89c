import { FrameReader } from '../../src/http2/frame-reader.js';
import { HpackDecoder } from '../../src/http2/hpack/decoder.js';
import { HpackEncoder } from '../../src/http2/hpack/encoder.js';
import { fieldBytes } from '../../src/http2/hpack/field.js';
import { Http2Error } from '../../src/http2/http2-error.js';
import { defaultTableBytes, Flag, FrameType, preface } from '../../src/http2/protocol.js';
import type { Prng } from '../../src/sim/prng.js';
import { roomySettings, Side } from '../http2/pair.js';
import { encodeFrame, settingsFrame, uint32, windowUpdate } from '../transport/frames.js';
import { inPieces } from './in-pieces.js';
import { type Input, mutated, pick } from './inputs.js';
import type { Target } from './targets.js';

const names = [':method', ':path', ':status', 'content-type', 'te', 'x-a', 'X-B', ''];
const values = ['GET', '200', 'application/grpc', 'trailers', '', 'é\0', 'y'.repeat(70)];
const maxListBytes = 1_000;

/** Header blocks of one connection, each with its length before it. */
function blocks(random: Prng): Buffer {
  const encoder = new HpackEncoder();
  const parts: Buffer[] = [];
  for (let left = random.below(5); left > 0; left--) {
    if (random.chance(0.1)) encoder.resizeTable(random.below(300));
    const fields = Array.from({ length: random.below(6) }, () => ({
      name: pick(random, names),
      value: pick(random, values),
      indexing: pick(random, ['table', 'table', 'plain', 'never'] as const),
    }));
    // One field of the table again and again: few bytes that say much.
    const again = Buffer.alloc(random.chance(0.2) ? random.below(60) : 0, 0x80 | random.below(70));
    const block = Buffer.concat([encoder.encode(fields), again]).subarray(0, 255);
    parts.push(Buffer.from([block.length]), block);
  }
  return Buffer.concat(parts);
}

/** Frames that a peer might send, on few streams, so that they meet. */
function frames(random: Prng): Buffer {
  const encoder = new HpackEncoder();
  const parts: Buffer[] = [];
  for (let left = random.below(12); left > 0; left--) {
    const stream = pick(random, [0, 1, 1, 1, 2, 3, 3, 5, 7]);
    const flags = pick(random, [
      0,
      Flag.endStream,
      Flag.endHeaders,
      5,
      Flag.padded,
      Flag.priority | 4,
      random.below(256),
    ]);
    switch (random.below(8)) {
      case 0:
        parts.push(settingsFrame([random.below(8), pick(random, [0, 1, 100, 16_384, 65_535, 2 ** 31])]));
        break;
      case 1:
        parts.push(windowUpdate(stream, pick(random, [0, 1, 65_535, 2 ** 31 - 1])));
        break;
      case 2:
        parts.push(encodeFrame(FrameType.reset, 0, stream, uint32(random.below(14))));
        break;
      case 3:
        parts.push(encodeFrame(FrameType.data, flags, stream, random.bytes(random.below(40))));
        break;
      case 4:
        parts.push(encodeFrame(random.below(12), flags, stream, random.bytes(pick(random, [0, 4, 5, 8, 9]))));
        break;
      default: {
        const fields = Array.from({ length: 1 + random.below(4) }, () => ({
          name: pick(random, names),
          value: pick(random, values),
        }));
        parts.push(
          encodeFrame(FrameType.headers, flags | (random.chance(0.8) ? 4 : 0), stream, encoder.encode(fields)),
        );
      }
    }
  }
  return Buffer.concat(parts);
}

const greeting = (role: 'client' | 'server') =>
  Buffer.concat([Buffer.from(role === 'server' ? preface : '', 'latin1'), settingsFrame()]);

/** Whatever a peer says, either it is served or the connection is given up in order; nothing is kept without bound. */
function connectionTarget(role: 'client' | 'server'): Target {
  const input: Input = (random) => Buffer.concat([greeting(role), mutated(frames)(random)]);
  const run = (bytes: Buffer) => {
    const side = new Side(role, { ...roomySettings, maxStreams: role === 'server' ? 2 : undefined });
    if (role === 'client') {
      for (const last of [true, false]) {
        side.connection.open([{ name: ':path', value: '/a' }], last, new Quiet());
      }
    }
    inPieces(bytes, (pieces) => {
      const one = pieces.length === 1 ? side : new Side(role, roomySettings);
      for (const piece of pieces) one.connection.receive(piece);
      return [];
    });
    if (side.connection.streams > 2) throw new Error(`${side.connection.streams} streams are open`);
    if (side.turn().length > 200_000) throw new Error('more is answered than was asked');
  };
  return { name: `HTTP/2 of a ${role}’s peer`, input, run };
}

class Quiet {
  onHeaders(): void {}
  onData(): void {}
  onReset(): void {}
  onLost(): void {}
}

/** Reads blocks one after the other, each with its length before it. */
export function hpackTarget(name: string, make: () => HpackDecoder): Target {
  const run = (bytes: Buffer) => {
    const decoder = make();
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + 1 + (bytes[at] as number));
      const listBytes = listBytesOf(decoder, bytes.subarray(at + 1, end));
      if (listBytes === undefined) return;
      if (listBytes > maxListBytes) throw new Error(`a list of ${listBytes} bytes`);
      if (decoder.tableBytes > defaultTableBytes) throw new Error(`a table of ${decoder.tableBytes} bytes`);
      at = end;
    }
  };
  return { name, input: mutated(blocks), run };
}

/** Undefined: the block is refused. */
function listBytesOf(decoder: HpackDecoder, block: Buffer): number | undefined {
  try {
    return decoder.decode(block).fields.reduce((sum, each) => sum + fieldBytes(each), 0);
  } catch (error) {
    if (!(error instanceof Http2Error)) throw error;
    return undefined;
  }
}

/** Cuts bytes into frames; `read` pushes them into the reader. */
export function frameTarget(name: string, read: (reader: FrameReader, piece: Buffer) => void): Target {
  const run = (bytes: Buffer) =>
    inPieces(bytes, (pieces) => {
      const found: string[] = [];
      const reader = new FrameReader((type, flags, stream, payload, start, end) => {
        found.push(`${type}/${flags}@${stream}: ${payload.toString('hex', start, end)}`);
      }, 1_000);
      for (const piece of pieces) read(reader, piece);
      return found;
    });
  return { name, input: mutated(frames), run };
}

/** HTTP/2's own decoders. */
export const http2Targets: readonly Target[] = [
  hpackTarget('HPACK', () => new HpackDecoder(maxListBytes)),
  frameTarget('HTTP/2 frames', (reader, piece) => reader.push(piece)),
  connectionTarget('server'),
  connectionTarget('client'),
];
