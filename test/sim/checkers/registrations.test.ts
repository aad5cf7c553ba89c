import { describe, expect, it } from 'vitest';
import { registrations } from '../../../src/sim/checkers/registrations.js';
import { rules, type Tale, tell } from './support/tale.js';

/** The entries on the store, by the owners whose they are. */
function state(tale: Tale, ...owners: string[]) {
  const value = JSON.stringify(owners.map((owner) => `x ${owner} c:80 100 `));
  tale.note('server', 'users', 'state', { revision: 1n, value });
}

const says = (tale: Tale, status: string, ended: string | null = null) =>
  tale.note('c', 'users', 'registration.kept', { owner: 'a', status, ended });
const gone = (tale: Tale) => tale.note('c', 'users', 'registration.gone', { owner: 'a', status: 'ended', ended: null });

describe('registrations', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'is there while it says so, gone when it was given up - pass',
      [],
      (tale) => {
        state(tale, 'a', 'b');
        says(tale, 'registered');
        state(tale, 'b');
        gone(tale);
      },
    ],
    [
      'hears a moment later that another one has its id, however long its own stood - pass',
      [],
      (tale) => {
        state(tale, 'a');
        tale.wait(60_000);
        state(tale, 'b');
        says(tale, 'registered');
      },
    ],
    [
      'has heard that another one has its id - pass',
      [],
      (tale) => {
        state(tale, 'b');
        says(tale, 'ended', 'CONFLICT');
      },
    ],
    [
      'has not heard of it long after - fail',
      ['registrations: comes back'],
      (tale) => {
        state(tale, 'a');
        state(tale, 'b');
        tale.wait(1_000);
        says(tale, 'registered');
      },
    ],
    [
      'is not there, though it says so - fail',
      ['registrations: comes back'],
      (tale) => {
        state(tale);
        says(tale, 'registered');
      },
    ],
    [
      'comes back, since somebody has just taken it away - pass',
      [],
      (tale) => {
        state(tale, 'a');
        tale.wait(60_000);
        state(tale);
        state(tale, 'a');
        says(tale, 'recovering');
      },
    ],
    [
      'comes back again and again, since somebody takes it away each time - fail',
      ['registrations: comes back'],
      (tale) => {
        state(tale, 'a');
        tale.wait(60_000);
        for (let i = 0; i < 2; i++) {
          state(tale);
          state(tale, 'a');
        }
        says(tale, 'recovering');
      },
    ],
    [
      'has not come back - fail',
      ['registrations: comes back'],
      (tale) => {
        state(tale, 'a');
        says(tale, 'recovering');
      },
    ],
    [
      'is there again after it was given up - fail',
      ['registrations: stays gone'],
      (tale) => {
        gone(tale);
        state(tale, 'a');
      },
    ],
  ])('%s', (_, expected, write) => {
    expect(rules(registrations(tell((tale) => write(tale))))).toEqual(expected);
  });
});
