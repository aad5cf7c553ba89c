import type { History } from '../history.js';
import { allOperations } from './operations.js';
import { calmFromMs, endOf } from './phases.js';
import { broken, type Violation } from './violation.js';

/** As long as the longest request: what hangs at its end may have been begun for a call that came later. */
const graceMs = 5_000;

/**
 * Once the last fault has ended, and what was under way has arrived, every call is answered: what begins then fails for
 * a reason of its own, never for a network or an answer that was lost.
 */
export function calm(history: History): Violation[] {
  const [end, calmMs] = [endOf(history), calmFromMs(history)];
  // Without faults it was never otherwise.
  const fromMs = calmMs === 0 ? 0 : calmMs + graceMs;
  return allOperations(history).flatMap(({ process, object, op, endAt, invoke, end: ended }) => {
    if (invoke.atMs < fromMs || endAt > end || ended === undefined || ended.type === 'ok') return [];
    if (!ended.error.startsWith('UNAVAILABLE')) return [];
    const message = `${process}: ${op} on ${object} failed though nothing was wrong: ${ended.error}`;
    return [broken('calm', message, invoke, ended)];
  });
}
