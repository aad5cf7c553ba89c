import type { History } from '../history.js';
import { type Fact, factsOf } from './operations.js';
import { endOf } from './phases.js';
import { broken, type Violation } from './violation.js';

/**
 * A registration that was not given up is on the store some time after the last fault, unless somebody took its id
 * over; one that was given up is not there in the end, whatever requests arrive late.
 */
export function registrations(history: History): Violation[] {
  const states = factsOf(history, 'state').filter(({ at }) => at < endOf(history));
  const found: Violation[] = [];
  for (const { data, at, note, object } of factsOf(history, 'registration.kept')) {
    if (data.ended === 'CONFLICT') continue;
    const before = states.filter((state) => state.object === object && state.at < at);
    const shown = before.filter((_, i) => isLateNews(before[i + 1], note.atMs));
    const isIn = shown.map((state) => includes(state.data.value, data.owner));
    const there = isIn.includes(true);
    // Somebody has just taken it away, and it was put there again. More than once it is a fight.
    const wasAway = isIn.filter((is, i) => is && isIn[i + 1] === false).length === 1;
    if ((data.status === 'recovering' && !wasAway) || data.ended !== null || !there) {
      const says = data.ended ?? data.status;
      const is = there ? 'is' : 'is not';
      const message = `${object}: ${data.owner} says ${says} after the last fault, and ${is} there`;
      found.push(broken('registrations: comes back', message, note));
    }
  }
  const last = states.at(-1);
  for (const { data, note, object } of factsOf(history, 'registration.gone')) {
    if (!includes(last?.data.value, data.owner)) continue;
    found.push(
      broken('registrations: stays gone', `${object}: ${data.owner} was given up and is there`, note, last?.note),
    );
  }
  return found;
}

/** How long it may take until a registration hears that somebody has taken its id over, in milliseconds. */
const newsMs = 500;

/** Whether a state that was followed by `next` may still be taken for the present one. */
function isLateNews(next: Fact | undefined, nowMs: number): boolean {
  return next === undefined || next.note.atMs > nowMs - newsMs;
}

function includes(value: unknown, owner: string): boolean {
  return typeof value === 'string' && value.includes(` ${owner} `);
}
