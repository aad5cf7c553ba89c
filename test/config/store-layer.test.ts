import fc from 'fast-check';
import { expect, it } from 'vitest';
import { StoreLayer } from '../../src/config/store-layer.js';
import { fromLatin1, utf8 } from '../../src/core/bytes.js';
import type { Place } from '../../src/versions/place.js';

const place: Place = {
  name: 'app/',
  key: utf8('app/'),
  rangeEnd: utf8('app0'),
  pathOf: (key) => key.slice('app/'.length),
  keyAt: (path) => fromLatin1(`app/${path}`),
};
const layer = () => new StoreLayer(place, 'json', (_, { next }) => next);
const put = (text: string) => ({ value: utf8(text) });

const path = fc.constantFrom('a', 'b', 'a/b', 'a/c', 'a/b/c', 'd/e', 'd/f', '__proto__/x');
const text = fc.constantFrom('1', '2', 'null', '{}', '{"b":1}', '{"b":{"c":2}}', '{"x":[1]}', '{"y":3}', 'no json');
const step = fc.record({ path, text: fc.option(text), look: fc.boolean() });

it('CONFIG-5: what is changed value by value is as if all were put together anew, frozen all through', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const patched = layer();
      const now = new Map<string, string>();
      for (const { path, text, look } of steps) {
        patched.set(`app/${path}`, text === null ? undefined : put(text));
        if (text === null) now.delete(path);
        else now.set(path, text);
        if (!look) continue;
        const fresh = layer();
        for (const [each, said] of now) fresh.set(`app/${each}`, put(said));
        expect(patched.assembled()).toEqual(fresh.assembled());
        expectFrozen(patched.assembled());
      }
    }),
    { numRuns: 300 },
  );
});

it('CONFIG-5: of 1,000 branches one change makes one anew', () => {
  const many = layer();
  for (let i = 0; i < 1_000; i++) many.set(`app/g${i}/x`, put('{"n":1}'));
  const branches = () => {
    const whole = many.assembled();
    return Object.values('value' in whole ? (whole.value as object) : {});
  };
  const before = branches();
  many.set('app/g7/x', put('{"n":2}'));
  const after = branches();
  expect(after.filter((branch, i) => branch !== before[i])).toEqual([{ x: { n: 2 } }]);
  // The control: whoever puts all together makes all of them.
  const other = layer();
  for (let i = 0; i < 1_000; i++) other.set(`app/g${i}/x`, put('{"n":1}'));
  const whole = other.assembled();
  expect(
    Object.values('value' in whole ? (whole.value as object) : {}).filter((each, i) => each !== before[i]),
  ).toHaveLength(1_000);
});

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if ('issues' in value) return;
  for (const each of Object.values(value)) {
    if (typeof each === 'object' && each !== null && !Object.isFrozen(each)) expect.fail(JSON.stringify(each));
    expectFrozen(each);
  }
}
