import type { History } from '../history.js';
import { type Fact, factsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/** Those who look at the same moment do so by clocks of their own, in milliseconds. */
const sameMomentMs = 2_500;

/**
 * Some time after the last fault whoever takes part in a partition has its share: together they have all items, each
 * once, and nobody more than one more than another. That no two work on one item at any time is for `mutualExclusion`.
 */
export function partition(history: History): Violation[] {
  return together(factsOf(history, 'partition.share')).flatMap((shares) => {
    const [first] = shares;
    if (first === undefined) return [];
    const say = (rule: string, message: string) =>
      broken(`partition: ${rule}`, `${first.object}: ${message}`, ...shares.map(({ note }) => note));
    const gone = shares.filter(({ data }) => data.ended !== null);
    if (gone.length > 0) {
      return [
        say('stays', `${gone.map(({ process, data }) => `${process} (${data.ended})`).join()} has no part any more`),
      ];
    }
    const held = shares.flatMap(({ data }) => data.held).sort();
    const counts = shares.map(({ data }) => data.held.length);
    const found: Violation[] = [];
    if (new Set(held).size !== held.length || held.length !== first.data.of) {
      found.push(say('whole', `${shares.length} members have ${held.join()} of ${first.data.of} items`));
    }
    if (Math.max(...counts) - Math.min(...counts) > 1) found.push(say('even', `members have ${counts.join()} items`));
    return found;
  });
}

type ShareFact = Fact<'partition.share'>;

/** A member that looks later does so in another gathering. */
function together(facts: readonly ShareFact[]): readonly ShareFact[][] {
  const gatherings: ShareFact[][] = [];
  for (const fact of facts) {
    const last = gatherings.at(-1);
    const isSame = last?.[0] !== undefined && fact.note.atMs - last[0].note.atMs < sameMomentMs;
    if (isSame) last.push(fact);
    else gatherings.push([fact]);
  }
  return gatherings;
}
