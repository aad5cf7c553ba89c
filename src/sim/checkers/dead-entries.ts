import type { History, Note } from '../history.js';
import { type Fact, factsOf, groupBy } from './operations.js';
import { calmFromMs, crashesOf, endOf } from './phases.js';
import { broken, type Violation } from './violation.js';

/** How much longer than its TTL an entry may stand that nobody keeps alive any more (reliability.md, registry). */
const lateMs = 1_000;

/** Until a view that was cut off, or has lost a DELETE, shows what is there. */
const foundOutMs = 16_000;

/** What makes a server keep leases for longer: its own pause, and a start from its log. */
const extending: readonly string[] = ['server-pause', 'server-restart'];

interface Trouble {
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * An entry hangs on a lease, and is gone from the store a second after the TTL that the lease was last given; then from
 * every view as well. Entries are lines of text that end with their lease.
 */
export function deadEntries(history: History): Violation[] {
  const endMs = history[Math.min(endOf(history), history.length - 1)]?.atMs ?? 0;
  const words = [...factsOf(history, 'lease.granted'), ...factsOf(history, 'lease.renewed')];
  const given = groupBy(
    words.sort((a, b) => a.at - b.at),
    ({ data }) => String(data.lease),
  );
  const troubles = troublesOf(history);
  const cutOff = { fromMs: 0, untilMs: calmFromMs(history) };
  const crashes = crashesOf(history);
  const observers = groupBy(factsOf(history, 'view'), ({ process, data }) => `${process}\n${data.observer}`);
  return [
    ...tooLong(standing(factsOf(history, 'state'), endMs), given, troubles, lateMs),
    ...[...observers.values()].flatMap((views) => {
      const crash = history[crashes.get(views[0]?.process ?? '') ?? -1];
      const shown = standing(views, Math.min(endMs, crash?.atMs ?? endMs));
      return tooLong(shown, given, [...troubles, cutOff], lateMs + foundOutMs);
    }),
  ];
}

/** An entry for as long as it was there without a break. */
interface Standing {
  readonly entry: string;
  readonly lease: string;
  readonly note: Note;
  readonly untilMs: number;
}

function standing(lists: readonly Fact<'state' | 'view'>[], endMs: number): Standing[] {
  return lists.flatMap(({ data, note }, i) => {
    const untilMs = Math.min(lists[i + 1]?.note.atMs ?? endMs, endMs);
    const entries = JSON.parse(String(data.value)) as string[];
    return entries.map((entry) => ({ entry, lease: entry.slice(entry.lastIndexOf(' ') + 1), note, untilMs }));
  });
}

function tooLong(
  all: readonly Standing[],
  given: ReadonlyMap<string, readonly Fact<'lease.granted' | 'lease.renewed'>[]>,
  troubles: readonly Trouble[],
  boundMs: number,
): Violation[] {
  return all.flatMap(({ entry, lease, note, untilMs }) => {
    const last = given.get(lease)?.findLast(({ note: { atMs } }) => atMs <= untilMs);
    if (last === undefined) return [broken('dead entries: lease', `${entry} hangs on no lease that was given`, note)];
    const before = troubles.filter(({ fromMs }) => fromMs <= untilMs);
    const fromMs = Math.max(last.note.atMs, ...before.map((trouble) => trouble.untilMs));
    const overMs = untilMs - fromMs - last.data.ttlMs;
    if (overMs <= boundMs) return [];
    const message = `${entry} stood ${overMs} ms after its lease's ${last.data.ttlMs} ms were over`;
    return [broken('dead entries: gone', message, last.note, note)];
  });
}

function troublesOf(history: History): Trouble[] {
  return factsOf(history, 'fault').flatMap(({ data, note }) => {
    const { word, untilMs } = data as { word: string; untilMs: number };
    return extending.includes(word) ? [{ fromMs: note.atMs, untilMs }] : [];
  });
}
