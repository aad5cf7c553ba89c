import { type AnySignal, abortable } from '../core/abort.js';
import { sameBytes } from '../core/bytes.js';
import type { SessionContext } from '../lease/session.js';
import { Doorbell } from '../line/doorbell.js';
import { lookAgainMs } from '../line/line.js';
import type { Bell } from '../line/rule.js';
import { untilAnsweredOrAborted } from '../store/repeat.js';

/** What a look has shown: that the way is free, or what to watch until it may be. */
export type Look<T> = { readonly passed: T } | { readonly waitFor: Bell };

/**
 * Looks again whenever what the last look named has an event or has been quiet for 10 s, until the way is free. The
 * watch comes before the look: what happens behind that look rings (DESIGN.md section 3, rules 6 and 12).
 */
export async function untilPassed<T>(
  { store, runtime }: SessionContext,
  signal: AnySignal,
  first: Look<T>,
  look: () => Promise<Look<T>>,
): Promise<T> {
  const asked = () => untilAnsweredOrAborted(runtime, signal, look);
  let seen = first;
  // Bounded by `signal`: each round is for an event, or for something else to wait for.
  while ('waitFor' in seen) {
    const { waitFor } = seen;
    const bell = new Doorbell(store, runtime, [waitFor], lookAgainMs);
    try {
      await abortable(bell.armed, signal);
      seen = await asked();
      for (let rang = false; !rang && waitsFor(seen, waitFor); ) {
        rang = await abortable(bell.rings(), signal);
        seen = await asked();
      }
    } finally {
      bell.close();
    }
  }
  return seen.passed;
}

function waitsFor<T>(seen: Look<T>, { key }: Bell): boolean {
  return 'waitFor' in seen && sameBytes(seen.waitFor.key, key);
}
