import { describe, expect, it } from 'vitest';
import { handOver } from '../../../src/sim/checkers/hand-over.js';
import { rules, type Tale, tell } from './support/tale.js';

const leads = (tale: Tale, revision: bigint, value: string | null) =>
  tale.note('server', 'x', 'state', { revision, value: value === null ? null : { term: revision, value } });

describe('hand-over', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'HandOver - the named one leads next - pass',
      [],
      (tale) => {
        leads(tale, 2n, 'a');
        const call = tale.call('a', 'x', 'election.handOver', { fence: 2n, to: 'b' });
        leads(tale, 3n, 'b');
        call.ok(null);
      },
    ],
    [
      'HandOver - refused, and another leads next - pass',
      [],
      (tale) => {
        leads(tale, 2n, 'a');
        const call = tale.call('a', 'x', 'election.handOver', { fence: 2n, to: 'b' });
        leads(tale, 3n, 'c');
        call.unknown('refused');
      },
    ],
    ...([null, 'c', 'a'] as const).map((next): [string, string[], (tale: Tale) => void] => [
      `HandOver - ${next ?? 'nobody'} leads next - fail`,
      ['election: hand-over'],
      (tale) => {
        leads(tale, 2n, 'a');
        const call = tale.call('a', 'x', 'election.handOver', { fence: 2n, to: 'b' });
        if (next !== 'a') leads(tale, 3n, next);
        leads(tale, 4n, next === 'a' ? null : 'b');
        call.ok(null);
      },
    ]),
  ])('%s', (_, expected, told) => {
    expect(rules(handOver(tell(told)))).toEqual(expected);
  });
});
