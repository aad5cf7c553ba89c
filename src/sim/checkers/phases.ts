import type { History } from '../history.js';
import { factsOf } from './operations.js';

/** The position of the mark at which everyone had their time to finish; without one, behind the last entry. */
export function endOf(history: History): number {
  const marks = factsOf(history, 'phase').filter(({ data }) => data.phase === 'end');
  return marks.at(-1)?.at ?? history.length;
}

/** Where each process that crashed did so first. */
export function crashesOf(history: History): Map<string, number> {
  const crashes = new Map<string, number>();
  for (const { process, at } of factsOf(history, 'crash')) {
    if (!crashes.has(process)) crashes.set(process, at);
  }
  return crashes;
}

/** When the last fault had ended, and what was under way then had arrived. */
export function calmFromMs(history: History): number {
  const healed = factsOf(history, 'phase').find(({ data }) => data.phase === 'healed');
  return healed === undefined ? 0 : (healed.data.arrivedMs ?? healed.note.atMs);
}
