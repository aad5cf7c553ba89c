import type { History } from '../history.js';
import { freedOf } from './freed.js';
import { factsOf, groupBy } from './operations.js';
import { grantsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

/**
 * What was given stays until it is let go of, broken, held for longer than allowed, or its lease has ended: no request
 * of an earlier acquisition, however late it is applied, takes it away. For locks of which the server's states are
 * recorded.
 */
export function placeKept(history: History): Violation[] {
  const freed = freedOf(history);
  const ended = groupBy(factsOf(history, 'lease.ended'), ({ data }) => data.lease);
  const tooLong = factsOf(history, 'lost').filter(({ data }) => data.loss === 'max-hold');
  return grantsOf(history, ['lock.acquire']).flatMap(({ acquire, grant: { fence, lease } }) => {
    const { object } = acquire;
    const gone = freed(object, fence, lease);
    if (gone === undefined || gone.excused) return [];
    // The note of the lease's end may come right behind that of the keys that went with it.
    if (ended.get(lease)?.some(({ note }) => note.atMs <= gone.note.atMs)) return [];
    if (tooLong.some((lost) => lost.object === object && lost.data.fence === fence && lost.at < gone.at)) return [];
    return [broken('place-kept', `${object}: the place with fence ${fence} went, and nobody let it go`, gone.note)];
  });
}
