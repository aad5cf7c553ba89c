import { describe, expect, it } from 'vitest';
import { heldInTime } from '../../../src/sim/checkers/held-in-time.js';
import { inTurn } from '../../../src/sim/checkers/in-turn.js';
import { rwlock } from '../../../src/sim/checkers/rwlock.js';
import { steals } from '../../../src/sim/checkers/steals.js';
import type { Pending } from '../../../src/sim/history.js';
import type { Grant } from '../../../src/sim/vocabulary.js';
import { rules, type Tale, tell } from './support/tale.js';

/** The server's line, as `2 a` for a writer of `a` and `2 a r` for its reader. */
function line(tale: Tale, ...shown: string[]) {
  const places = shown.map((text) => {
    const [fence = '', owner = '', kind] = text.split(' ');
    return { fence: BigInt(fence), owner, reads: kind === 'r' };
  });
  tale.note('server', 'x', 'line.state', { revision: 1n, places });
}

const writes = (tale: Tale, process: string) => tale.call(process, 'x', 'rwlock.write', null);
const readsIt = (tale: Tale, process: string) => tale.call(process, 'x', 'rwlock.read', null);
const gives = (pending: Pending<Grant | null>, fence: bigint) => pending.ok({ fence, lease: fence });

/** `a` holds, `b` waits, `c` steals: both are there still when this returns the thief's two calls. */
function stealing(tale: Tale) {
  line(tale, '2 a');
  gives(writes(tale, 'a'), 2n);
  const waiter = writes(tale, 'b');
  line(tale, '2 a', '3 b');
  const steal = tale.call('c', 'x', 'lock.steal', null);
  const thief = writes(tale, 'c');
  line(tale, '2 a', '3 b', '4 c');
  line(tale, '2 a', '4 c', '5 b');
  return { waiter, steal, thief };
}

describe('steals', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'the holder loses, who waited waits on - pass',
      [],
      (tale) => {
        const { waiter, steal, thief } = stealing(tale);
        line(tale, '4 c', '5 b');
        steal.ok({ fence: 4n });
        gives(thief, 4n);
        tale.did('c', 'x', 'release', { fence: 4n }, null);
        line(tale, '5 b');
        gives(waiter, 5n);
      },
    ],
    [
      'one whose turn has come and who was not told yet loses it - pass',
      [],
      (tale) => {
        const waiter = writes(tale, 'a');
        line(tale, '2 a');
        const steal = tale.call('c', 'x', 'lock.steal', null);
        line(tale, '2 a', '3 c');
        line(tale, '3 c');
        waiter.fail({ toString: () => 'LOST: the place was deleted while it waited' });
        steal.ok({ fence: 3n });
      },
    ],
    [
      'a reader that waits behind a writer loses its place - fail',
      ['steals: only holders'],
      (tale) => {
        line(tale, '2 a r');
        const reader = readsIt(tale, 'b');
        line(tale, '2 a r', '3 d', '4 b r');
        line(tale, '2 a r', '3 d');
        reader.fail({ toString: () => 'LOST: the place was deleted while it waited' });
      },
    ],
    [
      'who waits loses its place - fail',
      ['steals: only holders'],
      (tale) => {
        const { waiter } = stealing(tale);
        line(tale, '2 a', '4 c');
        waiter.fail({ toString: () => 'LOST: the place was deleted while it waited' });
      },
    ],
    [
      'the holder is there still - fail',
      ['steals: alone'],
      (tale) => {
        const { steal } = stealing(tale);
        steal.ok({ fence: 4n });
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(steals(tell(write)))).toEqual(broken));

  it('end what was held at the revision that takes it away, and not before', () => {
    const late = tell((tale) => {
      const { thief } = stealing(tale);
      line(tale, '4 c', '5 b');
      gives(thief, 4n);
      tale.note('a', 'x', 'held', { fence: 2n, lease: 2n, held: true, remainingMs: 5, serverHas: false });
    });
    expect(rules([...rwlock(late), ...heldInTime(late)])).toEqual([]);
    const early = tell((tale) => {
      const { thief } = stealing(tale);
      gives(thief, 4n);
      line(tale, '4 c', '5 b');
    });
    expect(rules(rwlock(early))).toEqual(['rwlock: exclusive']);
  });
});

describe('in turn', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'a writer that is first, readers behind readers - pass',
      [],
      (tale) => {
        const [a, b, c] = [writes(tale, 'a'), readsIt(tale, 'b'), readsIt(tale, 'c')];
        line(tale, '2 a', '3 b r', '4 c r');
        gives(a, 2n);
        line(tale, '3 b r', '4 c r');
        gives(c, 4n);
        gives(b, 3n);
      },
    ],
    [
      'a reader before a writer that came first - fail',
      ['in-turn'],
      (tale) => {
        const [b, c] = [readsIt(tale, 'b'), readsIt(tale, 'c')];
        line(tale, '2 b r', '3 a', '4 c r');
        gives(b, 2n);
        gives(c, 4n);
      },
    ],
    [
      'a writer that was told before it was first - fail',
      ['in-turn'],
      (tale) => {
        const a = writes(tale, 'a');
        line(tale, '2 b r', '3 a');
        gives(a, 3n);
        line(tale, '3 a');
      },
    ],
    [
      'a line that nobody recorded - pass',
      [],
      (tale) => {
        gives(writes(tale, 'a'), 2n);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(inTurn(tell(write)))).toEqual(broken));
});
