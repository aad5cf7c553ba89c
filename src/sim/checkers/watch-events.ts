import { plainText } from './plain-text.js';
import { broken, type Violation } from './violation.js';
import type { Told, WatchTale } from './watch.js';
import { type Change, idOf, type Log, matches } from './watch-log.js';

/** The previous value is the one before this change; it may be left out only where history was compacted away. */
export function prevKv(tale: WatchTale, log: Log): Violation[] {
  return perEvent(tale, log, ({ event, batch }, change) => {
    const due = tale.start.prevKv === true ? change.before : undefined;
    if (plainText(event.prev) === plainText(due)) return undefined;
    // A value counts as compacted from the compaction behind it on.
    const compacted = log.compactions.some(({ data, at }) => at < batch.at && data.revision >= event.revision);
    if (event.prev === undefined && compacted) return undefined;
    return ['watch: prevKv', `came with previous ${plainText(event.prev)}, where ${plainText(due)} was`];
  });
}

/** What is told of an event is what was done; a put counts as a creation exactly if there was no such key. */
export function isCreate(tale: WatchTale, log: Log): Violation[] {
  return perEvent(tale, log, ({ event }, change) => {
    const claims = event.type === 'put' && event.create === event.revision;
    const creates = change.event.type === 'put' && change.before === undefined;
    if (claims !== creates) {
      return [
        'watch: isCreate',
        claims ? 'came as a creation, and the key was there' : 'did not come as the creation it was',
      ];
    }
    const { prev: _, ...told } = event;
    if (plainText(told) === plainText(change.event)) return undefined;
    return ['watch: reliable', `came as ${plainText(told)}, where ${plainText(change.event)} was done`];
  });
}

/** Only what was asked for, and only what happened, is told. */
export function filtered(tale: WatchTale, log: Log): Violation[] {
  const strangers = tale.told.filter(({ event }) => !matches(tale.start, event));
  const unheard = tale.told.filter(({ event }) => !log.byId.has(idOf(event)));
  return [
    ...strangers.map((each) => violation(tale, each, 'watch: filter', 'was not asked for')),
    ...unheard.map((each) => violation(tale, each, 'watch: reliable', 'never happened')),
  ];
}

type Finding = readonly [rule: string, what: string] | undefined;

/** Judges each event that the log knows. */
function perEvent(tale: WatchTale, log: Log, judge: (told: Told, change: Change) => Finding): Violation[] {
  return tale.told.flatMap((told) => {
    const change = log.byId.get(idOf(told.event));
    const finding = change === undefined ? undefined : judge(told, change);
    if (change === undefined || finding === undefined) return [];
    return [violation(tale, told, ...finding, change)];
  });
}

function violation(
  { start }: WatchTale,
  { event, batch }: Told,
  rule: string,
  what: string,
  change?: Change,
): Violation {
  const message = `${start.watch}: ${event.type} of ${event.key} at revision ${event.revision} ${what}`;
  return broken(rule, message, change?.fact.note, batch.note);
}
