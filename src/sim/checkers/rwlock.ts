import type { History } from '../history.js';
import { overlaps, sectionsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

/**
 * A writer shares with nobody, readers share with each other, in the order of fences: so no reader that came after a
 * waiting writer goes before it.
 */
export function rwlock(history: History): Violation[] {
  return [...sectionsOf(history, ['rwlock.read', 'rwlock.write', 'rwlock.downgrade'])].flatMap(([object, sections]) =>
    overlaps(sections, ({ acquire }) => (acquire.op === 'rwlock.write' ? 'all' : 'exclusive')).map(
      ({ earlier, later }) => {
        // The later fence began first: it did not wait for its turn.
        const rule = later.from < earlier.from ? 'rwlock: fair' : 'rwlock: exclusive';
        const who = ({ acquire, grant }: typeof earlier) => `${acquire.process} (${acquire.op}, fence ${grant.fence})`;
        const message = `${object}: ${who(later)} began before ${who(earlier)} had ended`;
        return broken(rule, message, earlier.acquire.end, later.acquire.end, earlier.endedBy);
      },
    ),
  );
}
