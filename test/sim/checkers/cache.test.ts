import { describe, expect, it } from 'vitest';
import { cache } from '../../../src/sim/checkers/cache.js';
import { rules, type Tale, tell } from './support/tale.js';

const write = (tale: Tale, revision: bigint) => tale.did('w', 'cache/a', 'cache.write', null, { revision });
const read = (
  tale: Tale,
  revision: bigint,
  asked: { consistent?: boolean; maxStaleMs?: number; minRevision?: bigint },
) =>
  tale.did(
    'c',
    'cache/a',
    'cache.read',
    { consistent: false, maxStaleMs: null, minRevision: 0n, ...asked },
    { revision },
  );

describe('cache', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'as new as asked for - pass',
      [],
      (tale) => {
        write(tale, 2n);
        read(tale, 2n, { consistent: true });
        write(tale, 3n);
        read(tale, 2n, {});
        read(tale, 3n, { minRevision: 3n });
      },
    ],
    [
      'a write during the read - pass',
      [],
      (tale) => {
        const call = tale.call('c', 'cache/a', 'cache.read', { consistent: true, maxStaleMs: 0, minRevision: 0n });
        write(tale, 2n);
        call.ok({ revision: 1n });
      },
    ],
    [
      'without a write of before',
      ['cache: consistent'],
      (tale) => {
        write(tale, 2n);
        write(tale, 3n);
        read(tale, 2n, { consistent: true });
      },
    ],
    [
      'older than allowed',
      ['cache: fresh'],
      (tale) => {
        write(tale, 2n);
        tale.wait(200);
        read(tale, 1n, { maxStaleMs: 100 });
      },
    ],
    [
      'as old as allowed - pass',
      [],
      (tale) => {
        write(tale, 2n);
        tale.wait(50);
        read(tale, 1n, { maxStaleMs: 100 });
      },
    ],
    ['before the revision asked for', ['cache: reached'], (tale) => read(tale, 4n, { minRevision: 5n })],
  ])('%s', (_, expected, story) => {
    expect(rules(cache(tell(story)))).toEqual(expected);
  });
});
