import type { History } from '../history.js';
import type { WatchedEvent, WatchStart } from '../vocabulary.js';
import { type Fact, factsOf, groupBy } from './operations.js';
import { crashesOf, endOf } from './phases.js';
import { undecided, type Violation } from './violation.js';
import { filtered, isCreate, prevKv } from './watch-events.js';
import { endsWithCause, reliable, resumable } from './watch-gaps.js';
import { type Log, logOf } from './watch-log.js';
import { atomic, bookmarkable, ordered, unique } from './watch-order.js';

/** What one watch was told, in order. */
export interface WatchTale {
  readonly start: WatchStart;
  readonly started: Fact<'watch.start'>;
  /** What it asked for begins behind this revision; undefined while the server has not said from where. */
  readonly after: bigint | undefined;
  readonly told: readonly Told[];
  readonly batches: readonly Fact<'watch.events'>[];
  readonly progress: readonly Fact<'watch.progress'>[];
  readonly end: Fact<'watch.end'> | undefined;
  /** It was open when everyone had had their time: the place of that mark, else undefined. */
  readonly openAt: number | undefined;
}

export interface Told {
  readonly event: WatchedEvent;
  readonly batch: Fact<'watch.events'>;
}

/**
 * etcd's nine guarantees of a watch (tests/robustness/validate), each judged against the server's log: ordered,
 * unique, atomic, reliable, resumable, bookmarkable, previous value, creation, filter. And one of our own: none ends
 * for a compaction that took nothing from it.
 */
export function watch(history: History): Violation[] {
  const log = logOf(history);
  const tales = talesOf(history);
  if (log.changes.length === 0 && tales.some(({ told }) => told.length > 0)) {
    return [undecided('watch', "events were told, and the server's log was not recorded")];
  }
  const guarantees: readonly ((tale: WatchTale, log: Log) => Violation[])[] = [
    ...[ordered, unique, atomic, reliable, resumable, bookmarkable],
    ...[prevKv, isCreate, filtered, endsWithCause],
  ];
  return tales.flatMap((tale) => guarantees.flatMap((guarantee) => guarantee(tale, log)));
}

function talesOf(history: History): WatchTale[] {
  const created = groupBy(factsOf(history, 'watch.created'), watchOf);
  const events = groupBy(factsOf(history, 'watch.events'), watchOf);
  const progress = groupBy(factsOf(history, 'watch.progress'), watchOf);
  const ends = groupBy(factsOf(history, 'watch.end'), watchOf);
  const closing = endOf(history);
  const crashes = crashesOf(history);
  return factsOf(history, 'watch.start').map((started): WatchTale => {
    const id = watchOf(started);
    const batches = events.get(id) ?? [];
    const end = ends.get(id)?.[0];
    const { startRevision } = started.data;
    const overAt = Math.min(
      end?.at ?? Number.POSITIVE_INFINITY,
      crashes.get(started.process) ?? Number.POSITIVE_INFINITY,
    );
    return {
      start: started.data,
      started,
      after: startRevision === undefined ? created.get(id)?.[0]?.data.revision : startRevision - 1n,
      told: batches.flatMap((batch) => batch.data.events.map((event) => ({ event, batch }))),
      batches,
      progress: progress.get(id) ?? [],
      end,
      openAt: overAt > closing ? closing : undefined,
    };
  });
}

function watchOf({ process, data }: { process: string; data: { watch: string } }): string {
  return `${process}\n${data.watch}`;
}
