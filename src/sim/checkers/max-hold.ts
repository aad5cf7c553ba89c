import type { History } from '../history.js';
import { drift } from './drift.js';
import { type Freed, freedOf } from './freed.js';
import { factsOf, type OkOperation } from './operations.js';
import { allSections, type Section } from './sections.js';
import { broken, type Violation } from './violation.js';

/** How long its work has to stop, in milliseconds. */
const graceMs = 1000;

/**
 * Nobody takes itself for the holder for longer than its `maxHoldMs`, and from then on it has a second, by its own
 * clock, in which the server gives the place to nobody else, unless it lets go before. For locks; the second for lines
 * of which the server's states are recorded.
 */
export function maxHold(history: History): Violation[] {
  return [...tooLong(history), ...tooSoon(history)];
}

function tooLong(history: History): Violation[] {
  const endMs = history.at(-1)?.atMs ?? 0;
  return allSections(history, ['lock.acquire']).flatMap((section) => {
    const { acquire, endedBy } = section;
    const maxHoldMs = maxHoldOf(section);
    if (maxHoldMs === undefined || acquire.end === undefined) return [];
    const heldMs = (endedBy?.atMs ?? endMs) - acquire.end.atMs;
    if (heldMs <= maxHoldMs * drift.slow) return [];
    const message = `${acquire.object}: ${acquire.process} held it for ${heldMs} ms, of ${maxHoldMs} allowed`;
    return [broken('max-hold: bounded', message, acquire.invoke, acquire.end, endedBy)];
  });
}

function tooSoon(history: History): Violation[] {
  const freed = freedOf(history);
  const losses = factsOf(history, 'lost').filter(({ data }) => data.loss === 'max-hold');
  return losses.flatMap(({ object, process, note, data: { fence, lease } }) => {
    const gone = freed(object, fence, lease);
    if (gone === undefined || gone.excused || endedWith(history, lease, gone)) return [];
    const afterMs = gone.note.atMs - note.atMs;
    if (afterMs >= graceMs / drift.fast) return [];
    const message = `${object}: ${process} lost fence ${fence} by its time, and ${afterMs} ms later its place was gone`;
    return [broken('max-hold: grace', message, note, gone.note)];
  });
}

/** The lease may end meanwhile, and takes the place with it. */
function endedWith(history: History, lease: bigint, { note }: Freed): boolean {
  return factsOf(history, 'lease.ended').some(({ data, note: end }) => data.lease === lease && end.atMs === note.atMs);
}

function maxHoldOf({ acquire }: Section): number | undefined {
  return (acquire as OkOperation<'lock.acquire'>).input?.maxHoldMs;
}
