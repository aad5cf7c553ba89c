import { expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { Nonces } from '../../src/lease/nonces.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';

const [a, b] = [utf8('a/'), utf8('b/')];
const newNonces = () => new Nonces(new SimRuntime());

it('LINE-13: a nonce is used again in the same line, and in others, when it is free', () => {
  const nonces = newNonces();
  const first = nonces.take(a);
  expect(first.text).toMatch(/^[0-9a-f]{16}$/);
  expect(nonces.take(b).text).toBe(first.text);
  first.free();
  expect(nonces.take(a).text).toBe(first.text);
});

it('LINE-3: no two places of a line have the same at once, however many there are', () => {
  const nonces = newNonces();
  const taken = Array.from({ length: 100 }, () => nonces.take(a));
  expect(new Set(taken.map(({ text }) => text)).size).toBe(100);
  for (const nonce of taken) nonce.free();
  expect(new Set(Array.from({ length: 31 }, () => nonces.take(a).text))).toEqual(
    new Set(taken.slice(0, 31).map(({ text }) => text)),
  );
});

it('LINE-3: to say twice that a place is gone does not free the nonce of the next one', () => {
  const nonces = newNonces();
  const first = nonces.take(a);
  first.free();
  const second = nonces.take(a);
  first.free();
  expect(nonces.take(a).text).not.toBe(second.text);
});

it('LINE-3: one that is spoilt is never used again, in no line, nor freed by those of its time', () => {
  const nonces = newNonces();
  const [first, elsewhere] = [nonces.take(a), nonces.take(b)];
  first.spoil();
  first.free();
  elsewhere.free();
  const next = [nonces.take(a), nonces.take(b)];
  for (const { text } of next) expect(text).not.toBe(first.text);
  elsewhere.spoil();
  expect(nonces.take(a).text).not.toBe(next[0]?.text);
});
