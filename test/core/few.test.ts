import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Few } from '../../src/core/few.js';

it('a few are a set, one or none as well as many', () => {
  const items = Array.from({ length: 4 }, (_, n) => ({ n }));
  const step = fc.record({ n: fc.nat(3), add: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const model = new Set<object>();
      const few = new Few<object>();
      for (const { n, add } of steps) {
        const item = items[n] as object;
        if (add) {
          model.add(item);
          few.add(item);
        } else expect(few.delete(item)).toBe(model.delete(item));
        expect(few.size).toBe(model.size);
        expect([...few]).toEqual([...model]);
      }
      few.clear();
      expect([few.size, ...few]).toEqual([0]);
    }),
  );
});

it('who is taken out while a few are walked over is passed over', () => {
  const [first, second] = [{}, {}];
  const few = new Few<object>();
  few.add(first);
  few.add(second);
  const met: object[] = [];
  for (const item of few) {
    met.push(item);
    few.clear();
  }
  expect(met).toEqual([first]);
});
