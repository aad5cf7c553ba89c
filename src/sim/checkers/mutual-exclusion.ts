import type { History } from '../history.js';
import { type HoldOp, overlaps, sectionsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

/**
 * Critical sections of one lock are disjoint, in the order of their fences: the section with the lower fence has ended
 * before the one with the higher begins (reliability.md section 1).
 */
export function mutualExclusion(history: History): Violation[] {
  return exclusive(history, ['lock.acquire'], 'mutual-exclusion: exclusive');
}

/** The same for any operation that gives an exclusive place. */
export function exclusive(history: History, ops: readonly HoldOp[], rule: string): Violation[] {
  return [...sectionsOf(history, ops)].flatMap(([object, sections]) =>
    overlaps(sections, () => 'all').map(({ earlier, later }) =>
      broken(
        rule,
        `${object}: ${later.acquire.process} began with fence ${later.grant.fence} while ` +
          `${earlier.acquire.process} still held it ` +
          `with fence ${earlier.grant.fence}`,
        earlier.acquire.end,
        later.acquire.end,
        earlier.endedBy,
      ),
    ),
  );
}
