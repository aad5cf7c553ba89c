import { describe, expect, it } from 'vitest';
import { schedule } from '../../../src/sim/checkers/schedule.js';
import type { FactOf } from '../../../src/sim/vocabulary.js';
import { rules, type Tale, tell } from './support/tale.js';

const rhythm = JSON.stringify({ everyMs: 1_000 });

/** The schedule as it is from `revision` on. */
function state(tale: Tale, revision: bigint, more: Partial<FactOf<'schedule.state'>> = {}) {
  const data = { name: 'a', said: rhythm, since: 2n, overlap: 'allow', waiting: 0, latestMs: 9_000 } as const;
  tale.note('server', 'q', 'schedule.state', { ...data, revision, nextMs: null, seq: 0, ...more });
}

/** A job for the tick at `atMs`, and the schedule that was moved on with it. */
function tick(tale: Tale, revision: bigint, atMs: number, more: Partial<FactOf<'schedule.state'>> = {}) {
  state(tale, revision, more);
  tale.note('server', 'q', 'schedule.tick', { name: more.name ?? 'a', atMs, revision, rhythm: more.said ?? rhythm });
}

describe('schedule', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'declared, one tick after the other, some left out - pass',
      [],
      (tale) => {
        state(tale, 2n);
        tick(tale, 3n, 1_000);
        state(tale, 4n);
        tick(tale, 5n, 4_000);
      },
    ],
    [
      'removed and declared anew: its ticks may come again; another’s of the same moment - pass',
      [],
      (tale) => {
        state(tale, 2n);
        tick(tale, 3n, 5_000);
        tale.note('server', 'q', 'schedule.removed', { name: 'a' });
        state(tale, 5n, { since: 5n });
        tick(tale, 6n, 5_000, { since: 5n });
        state(tale, 7n, { name: 'b', since: 7n });
        tick(tale, 8n, 5_000, { name: 'b', since: 7n });
      },
    ],
    [
      'changed, and a tick by what was said last - pass',
      [],
      (tale) => {
        state(tale, 2n);
        const said = JSON.stringify({ everyMs: 7_000 });
        state(tale, 3n, { said });
        tick(tale, 4n, 7_000, { said });
      },
    ],
    [
      'one waits behind the one that goes on, as allowed - pass',
      [],
      (tale) => {
        state(tale, 2n, { overlap: 'wait' });
        tick(tale, 3n, 1_000, { overlap: 'wait', waiting: 1 });
      },
    ],
    [
      'at its revision - a job without a schedule - fail',
      ['schedule: at its revision'],
      (tale) => tale.note('server', 'q', 'schedule.tick', { name: 'a', atMs: 1_000, revision: 3n, rhythm: null }),
    ],
    [
      'at its revision - a job that did not move the schedule on - fail',
      ['schedule: at its revision'],
      (tale) => {
        state(tale, 2n);
        tale.note('server', 'q', 'schedule.tick', { name: 'a', atMs: 1_000, revision: 3n, rhythm });
      },
    ],
    [
      'on the rhythm - between two ticks - fail',
      ['schedule: on the rhythm'],
      (tale) => {
        state(tale, 2n);
        tick(tale, 3n, 1_500);
      },
    ],
    [
      'on the rhythm - of a rhythm that was changed before - fail',
      ['schedule: on the rhythm'],
      (tale) => {
        state(tale, 2n);
        const said = JSON.stringify({ everyMs: 7_000 });
        state(tale, 3n, { said });
        tick(tale, 4n, 3_000, { said });
      },
    ],
    [
      'not before its time - no clock had come to it - fail',
      ['schedule: not before its time'],
      (tale) => {
        state(tale, 2n);
        tick(tale, 3n, 10_000, { latestMs: 9_999 });
      },
    ],
    [
      'a tick once - the same one again - fail',
      ['schedule: a tick once'],
      (tale) => {
        state(tale, 2n);
        tick(tale, 3n, 1_000);
        tick(tale, 4n, 1_000);
      },
    ],
    [
      'a tick once - an earlier one after a later - fail',
      ['schedule: a tick once'],
      (tale) => {
        state(tale, 2n);
        tick(tale, 3n, 3_000);
        state(tale, 4n);
        tick(tale, 5n, 2_000);
      },
    ],
    [
      'what was removed stays so - a tick makes it again - fail',
      ['schedule: what was removed stays so'],
      (tale) => {
        state(tale, 2n);
        tale.note('server', 'q', 'schedule.removed', { name: 'a' });
        tick(tale, 4n, 1_000, { since: 4n });
      },
    ],
    [
      'what was declared stays so - a tick puts the old rhythm back - fail',
      ['schedule: what was declared stays so'],
      (tale) => {
        state(tale, 2n);
        state(tale, 3n, { said: JSON.stringify({ everyMs: 7_000 }) });
        tick(tale, 4n, 1_000);
      },
    ],
    [
      'overlap - one waits where none may - fail',
      ['schedule: overlap'],
      (tale) => {
        state(tale, 2n, { overlap: 'skip' });
        tick(tale, 3n, 1_000, { overlap: 'skip', waiting: 1 });
      },
    ],
    [
      'overlap - two wait where one may - fail',
      ['schedule: overlap'],
      (tale) => {
        state(tale, 2n, { overlap: 'wait' });
        tick(tale, 3n, 1_000, { overlap: 'wait', waiting: 2 });
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(schedule(tell(write)))).toEqual(broken));
});
