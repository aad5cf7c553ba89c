import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SortedMap } from '../../src/core/sorted-map.js';

it('a sorted map holds what a map holds, in the order of its keys', () => {
  const step = fc.record({ key: fc.string({ maxLength: 2 }), value: fc.option(fc.nat()) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Map<string, number>();
      const map = new SortedMap<number>();
      for (const { key, value } of steps) {
        if (value === null) {
          model.delete(key);
          map.delete(key);
        } else {
          model.set(key, value);
          map.set(key, value);
        }
        expect(map.get(key)).toBe(model.get(key));
        expect(map.size).toBe(model.size);
      }
      const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
      expect(map.values).toEqual(sorted.map(([, value]) => value));
    }),
  );
});

it('its list is the same until something changes, and never changes itself', () => {
  const map = new SortedMap<string>();
  map.set('b', 'two');
  const list = map.values;
  expect(map.values).toBe(list);
  map.delete('a');
  expect(map.values).toBe(list);
  map.set('a', 'one');
  expect(Object.isFrozen(list)).toBe(true);
  expect([list, map.values]).toEqual([['two'], ['one', 'two']]);
});
