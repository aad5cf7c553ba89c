import { laterOf } from './bigints.js';
import { broken, type Violation } from './violation.js';
import type { WatchTale } from './watch.js';
import { type Change, idOf, type Log, matches, placeAfter } from './watch-log.js';

/**
 * Between the first and the last event that were told nothing is left out; nor at the end, if the watch stayed open.
 */
export function reliable(tale: WatchTale, log: Log): Violation[] {
  const { told, start, started } = tale;
  const first = told[0]?.event.revision ?? tale.after;
  if (first === undefined) return [];
  const last = told.reduce((highest, { event }) => laterOf(highest, event.revision), first);
  const known = new Set(told.map(({ event }) => idOf(event)));
  // Where nothing was told, all that it waits for counts; else `resumable` judges what comes before the first event.
  const from = placeAfter(log, told.length > 0 ? first - 1n : first);
  const isDue = ({ event, fact }: Change) =>
    event.revision <= last || (tale.openAt !== undefined && fact.at < tale.openAt);
  return log.changes
    .slice(from)
    .filter((change) => isDue(change) && matches(start, change.event) && !known.has(idOf(change.event)))
    .map(({ event, fact }) => {
      const message = `${start.watch}: ${event.type} of ${event.key} at revision ${event.revision} was never told`;
      return broken('watch: reliable', message, started.note, fact.note, tale.batches.at(-1)?.note);
    });
}

/** What was told begins with the first change behind the revision that was asked for. */
export function resumable({ told, start, after, started }: WatchTale, log: Log): Violation[] {
  const first = told[0];
  if (first === undefined || after === undefined) return [];
  const rule = 'watch: resumable';
  if (first.event.revision <= after) {
    const message =
      `${start.watch}: asked for what comes after revision ${after}, and was told ` + `${first.event.revision}`;
    return [broken(rule, message, started.note, first.batch.note)];
  }
  const due = log.changes.slice(placeAfter(log, after)).find(({ event }) => matches(start, event));
  if (due === undefined || due.event.revision >= first.event.revision) return [];
  const message = `${start.watch}: began at revision ${first.event.revision}, and ${idOf(due.event)} was due first`;
  return [broken(rule, message, started.note, due.fact.note, first.batch.note)];
}

/** Only a watch that lacks something which was compacted away ends for that. */
export function endsWithCause({ told, progress, start, started, after, end }: WatchTale, log: Log): Violation[] {
  if (end?.data.code !== 'COMPACTED' || after === undefined) return [];
  const heard = [...told.map(({ event }) => event.revision), ...progress.map(({ data }) => data.revision)];
  const position = heard.reduce(laterOf, after);
  // The revision of a compaction itself can still be watched from.
  if (log.compactions.some(({ data, at }) => at < end.at && data.revision > position + 1n)) return [];
  const message = `${start.watch}: ended with COMPACTED, and all that comes after revision ${position} was there`;
  return [broken('watch: ends', message, started.note, end.note)];
}
