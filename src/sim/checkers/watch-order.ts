import { broken, type Violation } from './violation.js';
import type { Told, WatchTale } from './watch.js';
import { idOf, type Log, matches, placeAfter } from './watch-log.js';

/** Events come in order of their revisions. */
export function ordered({ told, start }: WatchTale): Violation[] {
  return told.flatMap((each, i) => {
    const before = told[i - 1];
    if (before === undefined || before.event.revision <= each.event.revision) return [];
    const message = `${start.watch}: revision ${each.event.revision} was told after ${before.event.revision}`;
    return [broken('watch: ordered', message, before.batch.note, each.batch.note)];
  });
}

/** No event is told twice. */
export function unique({ told, start }: WatchTale): Violation[] {
  const known = new Map<string, Told>();
  return told.flatMap((each) => {
    const id = idOf(each.event);
    const before = known.get(id);
    known.set(id, each);
    if (before === undefined) return [];
    return [broken('watch: unique', `${start.watch}: ${id} was told twice`, before.batch.note, each.batch.note)];
  });
}

/** The events of one revision come together. */
export function atomic({ told, start }: WatchTale): Violation[] {
  if (start.fragment === true) return [];
  const batches = new Map<bigint, Told>();
  return told.flatMap((each) => {
    const first = batches.get(each.event.revision) ?? each;
    batches.set(each.event.revision, each);
    if (first.batch === each.batch) return [];
    const message = `${start.watch}: revision ${each.event.revision} was told in parts`;
    return [broken('watch: atomic', message, first.batch.note, each.batch.note)];
  });
}

/** A progress mark comes after everything up to its revision, and never goes back. */
export function bookmarkable(tale: WatchTale, log: Log): Violation[] {
  const { progress, start } = tale;
  return progress.flatMap((mark, i) => {
    const { revision } = mark.data;
    const before = progress[i - 1];
    const late = tale.told.find(({ event, batch }) => batch.at > mark.at && event.revision <= revision);
    const missing = missingAt(tale, log, mark.at, revision);
    const found: Violation[] = [];
    const rule = 'watch: bookmarkable';
    if (before !== undefined && before.data.revision > revision) {
      const message = `${start.watch}: progress went back from ${before.data.revision} to ${revision}`;
      found.push(broken(rule, message, before.note, mark.note));
    }
    if (late !== undefined) {
      const message = `${start.watch}: revision ${late.event.revision} was told after progress to ${revision}`;
      found.push(broken(rule, message, mark.note, late.batch.note));
    } else if (missing !== undefined) {
      const message = `${start.watch}: progress to ${revision}, and ${idOf(missing.event)} had not been told`;
      found.push(broken(rule, message, missing.fact.note, mark.note));
    }
    return found;
  });
}

/** The last matching change up to `revision` if it was not told before position `at`. */
function missingAt({ told, start, after }: WatchTale, log: Log, at: number, revision: bigint) {
  const from = placeAfter(log, after ?? revision);
  const upTo = placeAfter(log, revision);
  const last = log.changes
    .slice(from, upTo)
    .filter(({ event }) => matches(start, event))
    .at(-1);
  if (last === undefined) return undefined;
  return told.some(({ event, batch }) => batch.at < at && event.revision >= last.event.revision) ? undefined : last;
}
