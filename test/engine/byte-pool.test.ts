import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BytePool } from '../../src/engine/byte-pool.js';

it('gives copies that stay what they were, whatever is copied or written to after', () => {
  const strings = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 60 });
  fc.assert(
    fc.property(strings, (all) => {
      const pool = new BytePool();
      const copies = all.map((bytes) => {
        const text = Buffer.from(bytes).toString('hex');
        const copy = pool.copy(bytes);
        bytes.fill(7);
        return { copy, text };
      });
      for (const { copy, text } of copies) expect(Buffer.from(copy).toString('hex')).toBe(text);
    }),
  );
});

it('keeps no more than a chunk for what is left of it', () => {
  const pool = new BytePool();
  const sizes = Array.from({ length: 200 }, (_, i) => pool.copy(new Uint8Array(i)).buffer.byteLength);
  expect(Math.max(...sizes)).toBe(1_024);
  expect(sizes.slice(129)).toEqual(Array.from({ length: 71 }, (_, i) => i + 129));
});
