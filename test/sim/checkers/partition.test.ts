import { describe, expect, it } from 'vitest';
import { partition } from '../../../src/sim/checkers/partition.js';
import { rules, type Tale, tell } from './support/tale.js';

const share = (tale: Tale, process: string, held: readonly string[], ended: string | null = null) =>
  tale.note(process, 'p', 'partition.share', { of: 3, held, ended });

describe('partition', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'all items, each once, nobody more than one more than another - pass',
      [],
      (tale) => {
        share(tale, 'a', ['x', 'z']);
        share(tale, 'b', ['y']);
      },
    ],
    [
      'two gatherings, the second of one who is alone by then - pass',
      [],
      (tale) => {
        share(tale, 'a', ['x', 'z']);
        share(tale, 'b', ['y']);
        tale.wait(3_000);
        share(tale, 'a', ['x', 'y', 'z']);
      },
    ],
    [
      'whole - an item that nobody has - fail',
      ['partition: whole'],
      (tale) => {
        share(tale, 'a', ['x']);
        share(tale, 'b', ['y']);
      },
    ],
    [
      'whole - an item that two have - fail',
      ['partition: whole'],
      (tale) => {
        share(tale, 'a', ['x', 'y']);
        share(tale, 'b', ['y']);
      },
    ],
    [
      'even - one has all - fail',
      ['partition: even'],
      (tale) => {
        share(tale, 'a', ['x', 'y', 'z']);
        share(tale, 'b', []);
      },
    ],
    [
      'stays - one has no part any more - fail',
      ['partition: stays'],
      (tale) => {
        share(tale, 'a', ['x', 'y', 'z']);
        share(tale, 'b', [], 'SESSION_LOST');
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(partition(tell(write)))).toEqual(broken));
});
