import type { Prng } from '../../src/sim/prng.js';

/** Makes the bytes of one try. */
export type Input = (random: Prng) => Buffer;

const evilNumbers = [0n, 1n, 127n, 128n, 255n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];

export function pick<T>(random: Prng, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

/** Fields that some message may have, nested and repeated, mostly well-formed. */
export function protobufLike(random: Prng, depth = 4): Buffer {
  const parts: Buffer[] = [];
  for (let left = random.below(6); left > 0; left--) {
    const field = BigInt(random.chance(0.95) ? 1 + random.below(14) : random.below(2 ** 29));
    const wireType = pick(random, [0, 0, 0, 1, 2, 2, 2, 2, 2, 5, 3, 7]);
    parts.push(varint((field << 3n) | BigInt(wireType)));
    if (wireType === 0) parts.push(varint(random.chance(0.5) ? BigInt(random.below(9)) : pick(random, evilNumbers)));
    if (wireType === 1) parts.push(Buffer.from(random.bytes(8)));
    if (wireType === 5) parts.push(Buffer.from(random.bytes(4)));
    if (wireType !== 2) continue;
    const isMessage = depth > 0 && random.chance(0.6);
    const content = isMessage ? protobufLike(random, depth - 1) : Buffer.from(random.bytes(random.below(24)));
    const length = random.chance(0.97) ? BigInt(content.length) : pick(random, evilNumbers);
    parts.push(varint(length), content);
  }
  return Buffer.concat(parts);
}

/** Objects with the given names, as text. */
export function jsonLike(names: readonly string[]): Input {
  const scalars = [
    'null',
    'true',
    '0',
    '-1',
    '1.5',
    '1e400',
    '""',
    '"YQ=="',
    '"AA"',
    '"9223372036854775808"',
    '"VALUE"',
  ];
  const value = (random: Prng, depth: number): string => {
    const kind = depth === 0 ? 0 : random.below(4);
    if (kind < 2) return pick(random, scalars);
    const items = Array.from({ length: random.below(4) }, () => value(random, depth - 1));
    if (kind === 2) return `[${items.join()}]`;
    return `{${items.map((each) => `${JSON.stringify(pick(random, names))}:${each}`).join()}}`;
  };
  return (random) => Buffer.from(value(random, 6));
}

/** What `make` makes, or that with a few bytes changed, lost, repeated or put in. */
export function mutated(make: Input): Input {
  return (random) => {
    let bytes = make(random);
    for (let left = random.chance(0.3) ? 0 : 1 + random.below(4); left > 0; left--) bytes = mutate(bytes, random);
    return bytes;
  };
}

function mutate(bytes: Buffer, random: Prng): Buffer {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + random.below(8));
  switch (random.below(5)) {
    case 0: {
      const changed = Buffer.from(bytes);
      if (at < changed.length) changed[at] = random.below(256);
      return changed;
    }
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(random.bytes(random.below(8))), bytes.subarray(at)]);
    default:
      return bytes.subarray(0, at);
  }
}
