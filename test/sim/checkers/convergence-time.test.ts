import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convergedMs, convergenceInTime, lagsOf } from '../../../src/sim/checkers/convergence-time.js';
import { runSeed } from '../../../src/sim/run-seed.js';
import { rules, type Tale, tell } from './support/tale.js';

const state = (tale: Tale, revision: bigint, value: string) =>
  tale.note('server', 'users', 'state', { revision, value });
const view = (tale: Tale, revision: bigint, value: string) =>
  tale.note('c', 'users', 'view', { observer: '1', revision, value });
const healed = (tale: Tale, arrivedMs = tale.nowMs) =>
  tale.note('world', 'run', 'phase', { phase: 'healed', arrivedMs });
/** Long after the last fault, with everybody shown the state. */
const calm = (tale: Tale) => {
  state(tale, 1n, 'x');
  view(tale, 1n, 'x');
  healed(tale);
  tale.wait(10_000);
};
const end = (tale: Tale) => {
  tale.wait(60_000);
  tale.note('world', 'run', 'phase', { phase: 'end' });
};

describe('convergence in time', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'shows at once what comes - pass',
      [],
      (tale) => {
        calm(tale);
        state(tale, 2n, 'y');
        tale.wait(90);
        view(tale, 2n, 'y');
        end(tale);
      },
    ],
    [
      'finds out late what it missed while there were faults, and all at once - pass',
      [],
      (tale) => {
        view(tale, 1n, 'x');
        state(tale, 2n, 'y');
        tale.wait(60_000);
        healed(tale);
        tale.wait(3_000);
        state(tale, 3n, 'z');
        tale.wait(9_000);
        view(tale, 3n, 'z');
        end(tale);
      },
    ],
    [
      'was right all along: the server came back to what it showed - pass',
      [],
      (tale) => {
        calm(tale);
        state(tale, 2n, 'y');
        tale.wait(50);
        state(tale, 3n, 'x');
        end(tale);
      },
    ],
    [
      'crashed before it could be shown it - pass',
      [],
      (tale) => {
        calm(tale);
        state(tale, 2n, 'y');
        tale.note('c', 'run', 'crash', null);
        end(tale);
      },
    ],
    [
      'shows late what came long after the last fault - fail',
      ['convergence: in time'],
      (tale) => {
        calm(tale);
        state(tale, 2n, 'y');
        tale.wait(convergedMs + 1);
        view(tale, 2n, 'y');
        end(tale);
      },
    ],
    [
      'never finds out what it missed while there were faults - fail',
      ['convergence: in time'],
      (tale) => {
        state(tale, 1n, 'x');
        view(tale, 1n, 'x');
        state(tale, 2n, 'y');
        healed(tale);
        end(tale);
      },
    ],
  ])('%s', (_, expected, write) => {
    expect(rules(convergenceInTime(tell(write)))).toEqual(expected);
  });

  it('counts from the arrival of what was under way, and what is shown all at once once', () => {
    const history = tell((tale) => {
      state(tale, 1n, 'x');
      view(tale, 1n, 'x');
      healed(tale, 1_000);
      for (const revision of [2n, 3n]) state(tale, revision, `${revision}`);
      tale.wait(2_000 - tale.nowMs - 1);
      for (const revision of [2n, 3n]) view(tale, revision, `${revision}`);
      end(tale);
    });
    // The second view comes a millisecond after the first.
    expect(lagsOf(history).map(({ fromMs, ms }) => [fromMs, ms])).toEqual([[1_000, 1_001]]);
  });
});

describe('the registry', () => {
  const { stackTraceLimit } = Error;
  beforeAll(() => {
    Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  it('REGISTRY-10: shows 99 of 100 changes after the last fault within 100 ms', { timeout: 60_000 }, async () => {
    const lagsMs: number[] = [];
    for (let seed = 1; seed <= 50; seed++) {
      const { history } = await runSeed(seed, 'registry');
      lagsMs.push(...lagsOf(history).map(({ ms }) => ms));
    }
    const late = lagsMs.filter((ms) => ms > convergedMs);
    expect(lagsMs.length).toBeGreaterThan(200);
    expect(late.length / lagsMs.length).toBeLessThanOrEqual(0.01);
  });
});
