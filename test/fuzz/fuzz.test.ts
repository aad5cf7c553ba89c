import { expect, it } from 'vitest';
import { HpackDecoder } from '../../src/http2/hpack/decoder.js';
import { fuzz } from './fuzz.js';
import { frameTarget, hpackTarget } from './http2-targets.js';
import { protobufLike } from './inputs.js';
import { serverCallsTarget } from './server-calls-target.js';
import { type Target, targets } from './targets.js';

/** `npm run fuzz` sets them: see start.js. */
const { CONCLAVE_FUZZ_BYTES = '0', CONCLAVE_FUZZ_SECONDS = '0', CONCLAVE_FUZZ_SEED = '1' } = process.env;
const [maxBytes, seconds, seed] = [CONCLAVE_FUZZ_BYTES, CONCLAVE_FUZZ_SECONDS, CONCLAVE_FUZZ_SEED].map(Number) as [
  number,
  number,
  number,
];

it('no bytes from outside make a decoder fail other than by refusing them', { timeout: 0 }, () => {
  const endMs = performance.now() + seconds * 1_000;
  const isOver = (bytes: number) => bytes >= maxBytes && performance.now() >= endMs;
  let toldAt = 0;
  const result = fuzz(targets, seed, isOver, ({ inputs, bytes }) => {
    if (bytes < toldAt + 50_000_000) return;
    toldAt = bytes;
    console.log(`${bytes} bytes in ${inputs} inputs`);
  });
  expect(result.found).toBeUndefined();
  if (maxBytes + seconds > 0)
    console.log(`fuzz: ${result.bytes} bytes in ${result.inputs} inputs, 0 found, seed ${seed}`);
});

it('a decoder with a hole is found', () => {
  const holes: readonly Target[] = [
    {
      name: 'trusts a length',
      input: protobufLike,
      run: (bytes) => void (bytes.length > 1 && bytes.readUInt8(bytes[1])),
    },
    {
      name: 'does not know one tag',
      input: protobufLike,
      run: (bytes) => {
        if (bytes.includes(0x5a)) throw new TypeError('undefined is not a function');
      },
    },
    hpackTarget('keeps a list of headers of any length', () => new HpackDecoder(2 ** 20)),
    serverCallsTarget('does not tell calls that their connection is gone', () => {}),
    frameTarget('forgets a piece of three bytes', (reader, piece) => {
      if (piece.length !== 3) reader.push(piece);
    }),
  ];
  for (const hole of holes) expect(fuzz([hole], 1, (bytes) => bytes > 200_000).found, hole.name).toContain('input: ');
});
