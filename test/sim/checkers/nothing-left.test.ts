import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nothingLeft } from '../../../src/sim/checkers/nothing-left.js';
import type { FactOf } from '../../../src/sim/vocabulary.js';
import { forAll } from './support/for-all.js';
import { tell, verdicts } from './support/tale.js';

const residue = (data: FactOf<'residue'>) => nothingLeft(tell((tale) => tale.note('server', 'kv', 'residue', data)));

describe('nothing left', () => {
  it.each<[string, string[], FactOf<'residue'>]>([
    ['Left - nothing - pass', [], { keys: [], leases: [], watches: 0, timers: 0 }],
    ['Left - nothing, and no more was counted - pass', [], { keys: [], leases: [] }],
    ['Left - a key - fail', ['broken'], { keys: ['locks/a/1'], leases: [] }],
    ['Left - a lease - fail', ['broken'], { keys: [], leases: [7n] }],
    ['Left - a watch - fail', ['broken'], { keys: [], leases: [], watches: 1 }],
    ['Left - a timer - fail', ['broken'], { keys: [], leases: [], timers: 2 }],
  ])('%s', (_, verdict, data) => expect(verdicts(residue(data))).toEqual(verdict));

  it('Left - nobody looked - undecided', () => {
    expect(verdicts(nothingLeft(tell((tale) => tale.did('a', 'x', 'y', null, null))))).toEqual(['undecided']);
  });

  it('finds as many kinds as there are', () => {
    const data = fc.record({
      keys: fc.array(fc.string()),
      leases: fc.array(fc.bigInt()),
      watches: fc.nat(2),
      timers: fc.nat(2),
    });
    forAll(data, (left) => {
      const kinds = [left.keys.length, left.leases.length, left.watches, left.timers].filter((count) => count > 0);
      expect(residue(left)).toHaveLength(kinds.length);
    });
  });
});
