import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { MessageReader } from '../../src/wire/message-reader.js';

const maxMessageBytes = 1_000;

function readAll(chunks: readonly Uint8Array[], reader = new MessageReader(maxMessageBytes)): Buffer[] {
  const messages: Buffer[] = [];
  for (const chunk of chunks) reader.push(chunk, (message) => messages.push(Buffer.from(message)));
  return messages;
}

/** Cuts `bytes` at the given places. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length));
}

function failure(chunks: readonly Uint8Array[]): unknown {
  try {
    readAll(chunks);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('MessageReader', () => {
  it('gives the same messages however the bytes are split', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(), { maxLength: 40 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map((message) => grpcFrame(message)));
        const received = readAll(split(stream, cuts));
        expect(received).toEqual(sent.map((message) => Buffer.from(message)));
      }),
    );
  });

  it('reads byte by byte, empty messages and the largest allowed one', () => {
    const sent = [Buffer.alloc(0), Buffer.alloc(maxMessageBytes, 7), Buffer.from('x'), Buffer.alloc(0)];
    const stream = Buffer.concat(sent.map((message) => grpcFrame(message)));
    expect(readAll([...stream].map((byte) => Uint8Array.of(byte)))).toEqual(sent);
  });

  it('tells how much of an incomplete message it holds, and forgets it', () => {
    const reader = new MessageReader(maxMessageBytes);
    readAll([grpcFrame(Buffer.from('whole')), grpcFrame(Buffer.from('half')).subarray(0, 7)], reader);
    expect(reader.heldBytes).toBe(7);
    reader.clear();
    expect(reader.heldBytes).toBe(0);
    expect(readAll([grpcFrame(Buffer.from('next'))], reader)).toEqual([Buffer.from('next')]);
  });

  it.each([
    { name: 'one byte more than allowed', prefix: [0, 0, 0, 0x03, 0xe9], length: 1_001 },
    { name: 'one gibibyte', prefix: [0, 0x40, 0, 0, 0], length: 1_073_741_824 },
    { name: 'the largest prefix', prefix: [0, 0xff, 0xff, 0xff, 0xff], length: 4_294_967_295 },
  ])('refuses $name by its prefix alone, in any split', ({ prefix, length }) => {
    const bytes = Buffer.from(prefix);
    for (let cut = 0; cut < bytes.length; cut++) {
      const error = failure([bytes.subarray(0, cut), bytes.subarray(cut)]);
      expect(ConclaveError.is(error, 'RESOURCE_EXHAUSTED')).toBe(true);
      expect((error as Error).message).toBe(`grpc: received message larger than max (${length} vs. 1000)`);
    }
  });

  it('refuses compressed messages and unknown flags', () => {
    expect(failure([Buffer.from([1, 0, 0, 0, 1, 9])])).toMatchObject({ code: 'UNSUPPORTED' });
    expect(failure([Buffer.from([2, 0, 0, 0, 1, 9])])).toMatchObject({
      code: 'INTERNAL',
      message: 'grpc: received unexpected payload format 2',
    });
  });

  it('either gives messages or fails on random bytes, and never holds more than one message', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
        const reader = new MessageReader(maxMessageBytes);
        try {
          readAll(chunks, reader);
        } catch (error) {
          expect(ConclaveError.is(error)).toBe(true);
        }
        expect(reader.heldBytes).toBeLessThanOrEqual(maxMessageBytes + 5);
      }),
    );
  });
});
