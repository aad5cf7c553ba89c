import { describe, expect, it } from 'vitest';
import { ephemeral, showStanding } from '../../../src/sim/checkers/ephemeral.js';
import { rules, type Tale, tell } from './support/tale.js';

const state = (
  tale: Tale,
  revision: bigint,
  ...at: readonly (readonly [owner: string, turn: number, takes?: boolean])[]
) =>
  tale.note('server', 'ephemeral', 'state', {
    revision,
    value: at.map(([owner, turn, takes = false], i) => showStanding(`k${i}`, { owner, turn, takes })).join(''),
  });

describe('ephemeral', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'put, changed, gone, put by another, taken by one who may - pass',
      [],
      (tale) => {
        state(tale, 2n, ['a', 0], ['z', 4]);
        state(tale, 3n, ['a', 1], ['z', 4]);
        state(tale, 4n);
        state(tale, 5n, ['b', 0]);
        state(tale, 6n, ['c', 0, true]);
      },
    ],
    [
      'over another’s',
      ['ephemeral: not over another’s'],
      (tale) => {
        state(tale, 2n, ['a', 0]);
        state(tale, 3n, ['b', 0]);
      },
    ],
    [
      'over what the same process has given up, while a request for it was in doubt - pass',
      [],
      (tale) => {
        tale.note('p', 'ephemeral', 'registration.begins', { owner: 'a', after: [] });
        tale.note('p', 'ephemeral', 'registration.begins', { owner: 'b', after: ['a'] });
        state(tale, 2n, ['a', 0]);
        state(tale, 3n, ['b', 0]);
      },
    ],
    [
      'over what the same process keeps',
      ['ephemeral: not over another’s'],
      (tale) => {
        tale.note('p', 'ephemeral', 'registration.begins', { owner: 'a', after: [] });
        tale.note('p', 'ephemeral', 'registration.begins', { owner: 'b', after: [] });
        state(tale, 2n, ['a', 0]);
        state(tale, 3n, ['b', 0]);
      },
    ],
    [
      'what is given up over its successor',
      ['ephemeral: not over another’s'],
      (tale) => {
        tale.note('p', 'ephemeral', 'registration.begins', { owner: 'a', after: [] });
        tale.note('p', 'ephemeral', 'registration.begins', { owner: 'b', after: ['a'] });
        state(tale, 2n, ['b', 0]);
        state(tale, 3n, ['a', 0]);
      },
    ],
    [
      'an earlier value over a later one',
      ['ephemeral: in order'],
      (tale) => {
        state(tale, 2n, ['a', 2]);
        state(tale, 3n, ['a', 1]);
      },
    ],
  ])('%s', (_, expected, story) => {
    expect(rules(ephemeral(tell(story)))).toEqual(expected);
  });
});
