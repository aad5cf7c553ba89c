import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../../src/core/errors.js';
import { calm } from '../../../src/sim/checkers/calm.js';
import { rules, type Tale, tell } from './support/tale.js';

const lost = () => new ConclaveError('UNAVAILABLE', 'the answer was lost', { outcome: 'unknown' });
const healed = (tale: Tale) => tale.note('world', 'run', 'phase', { phase: 'healed', arrivedMs: 9_000 });

describe('calm', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'fails while something is wrong, and soon after - pass',
      [],
      (tale) => {
        tale.call('a', 'x', 'y', null).threw(lost());
        tale.wait(8_000);
        healed(tale);
        tale.wait(4_000);
        tale.call('a', 'x', 'y', null).threw(lost());
        void tale.end;
      },
    ],
    [
      'fails for a reason of its own, or once everyone had their time - pass',
      [],
      (tale) => {
        healed(tale);
        tale.wait(20_000);
        tale.call('a', 'x', 'y', null).threw(new ConclaveError('TIMEOUT', 'not done in time'));
        const last = tale.call('a', 'x', 'y', null);
        void tale.end;
        last.threw(lost());
      },
    ],
    [
      'fails long after - fail',
      ['calm'],
      (tale) => {
        healed(tale);
        tale.wait(20_000);
        tale.call('a', 'x', 'y', null).threw(lost());
        void tale.end;
      },
    ],
    [
      'fails where nothing was ever wrong - fail',
      ['calm'],
      (tale) => {
        tale.note('world', 'run', 'phase', { phase: 'healed', arrivedMs: 0 });
        tale.call('a', 'x', 'y', null).threw(lost());
        void tale.end;
      },
    ],
  ])('%s', (_, expected, write) => {
    expect(rules(calm(tell(write)))).toEqual(expected);
  });
});
