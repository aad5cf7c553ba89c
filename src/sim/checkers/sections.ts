import type { Entry, History } from '../history.js';
import type { Grant } from '../vocabulary.js';
import { compareBigints } from './bigints.js';
import { derived } from './derived.js';
import {
  type Fact,
  factsOf,
  groupBy,
  type OkOperation,
  type Operation,
  okOperationsOf,
  operationsOf,
} from './operations.js';

/** Operations that give a `Held`, or turn it into another. */
export type HoldOp =
  | 'lock.acquire'
  | 'rwlock.read'
  | 'rwlock.write'
  | 'rwlock.downgrade'
  | 'semaphore.acquire'
  | 'election.campaign';

/** Those that give a fence. */
export const holdOps = [
  'lock.acquire',
  'rwlock.read',
  'rwlock.write',
  'semaphore.acquire',
  'election.campaign',
] as const satisfies readonly HoldOp[];

/**
 * The time in which a process took itself for a holder: from the end of its acquire to its release, its loss, its
 * crash, or the fault that took the place away early, which no holder can know at once (reliability.md section 0,
 * finding 3).
 *
 * A process that stands still does nothing: unless it shows after it resumed that it still takes itself for the
 * holder, its section ended where the pause began.
 */
export interface Section {
  readonly acquire: OkOperation<HoldOp>;
  readonly grant: Grant;
  /** Positions in the history; `to` is infinite while it lasts. */
  readonly from: number;
  readonly to: number;
  /** What ended it. */
  readonly endedBy: Entry | undefined;
}

/** The grants of the operations named, with null results (tried, not free) left out. */
export function grantsOf(history: History, ops: readonly HoldOp[]): { acquire: OkOperation<HoldOp>; grant: Grant }[] {
  return okOperationsOf(history, ...ops).flatMap((acquire) => {
    const grant = acquire.output;
    return grant === null ? [] : [{ acquire, grant }];
  });
}

/**
 * Per object, in order of their fences. Sections that ended before they began are left out: their process was told too
 * late.
 */
export function sectionsOf(history: History, ops: readonly HoldOp[]): Map<string, Section[]> {
  const kept = allSections(history, ops).filter(({ from, to }) => to > from);
  kept.sort((a, b) => compareBigints(a.grant.fence, b.grant.fence));
  return groupBy(kept, ({ acquire }) => acquire.object);
}

/** One per grant, in order of the calls; `to` may stand before `from`. */
export function allSections(history: History, ops: readonly HoldOp[]): Section[] {
  return everySection(history).filter(({ acquire }) => ops.includes(acquire.op));
}

const everySection = derived((history): readonly Section[] => {
  const ends = endsByHold(history);
  const pauses = groupBy(factsOf(history, 'pause'), ({ process }) => process);
  return grantsOf(history, [...holdOps, 'rwlock.downgrade']).map(({ acquire, grant }): Section => {
    // Whoever downgrades does not write from the call on, and reads on from there.
    const from = acquire.op === 'rwlock.downgrade' ? acquire.from : acquire.endAt;
    const own = ends.of(acquire, grant).filter(({ at, early }) => at > from || early);
    const end = own.reduce<HoldEnd | undefined>((a, b) => (a === undefined || b.at < a.at ? b : a), undefined);
    const to = end?.at ?? Number.POSITIVE_INFINITY;
    const seenAt = ends.lastSeen(acquire, grant, to);
    const pause = (pauses.get(acquire.process) ?? []).find(({ at }) => at > seenAt && at < to);
    const endedBy = pause?.note ?? end?.entry;
    return { acquire, grant, from, to: pause?.at ?? to, endedBy };
  });
});

/**
 * Pairs in which a later fence began before an earlier one had ended, at most one per section. `conflict` says whether
 * two sections exclude each other; the earlier fence comes first.
 */
export function overlaps(
  sections: readonly Section[],
  excludes: (section: Section) => 'all' | 'exclusive',
): { earlier: Section; later: Section }[] {
  const found: { earlier: Section; later: Section }[] = [];
  let lastOfAll: Section | undefined;
  let lastExclusive: Section | undefined;
  for (const later of sections) {
    const exclusive = excludes(later) === 'all';
    const earlier = exclusive ? lastOfAll : lastExclusive;
    if (earlier !== undefined && later.from < earlier.to) found.push({ earlier, later });
    if (lastOfAll === undefined || later.to > lastOfAll.to) lastOfAll = later;
    if (exclusive && (lastExclusive === undefined || later.to > lastExclusive.to)) lastExclusive = later;
  }
  return found;
}

interface HoldEnd {
  readonly at: number;
  readonly entry: Entry;
  /** May stand before the acquire's end: the place was taken away while its answer was on the way. */
  readonly early: boolean;
}

interface Ends {
  of(acquire: OkOperation<HoldOp>, grant: Grant): HoldEnd[];
  /** The last position before `to` at which the process showed that it takes itself for the holder. */
  lastSeen(acquire: OkOperation<HoldOp>, grant: Grant, to: number): number;
}

function endsByHold(history: History): Ends {
  const byCall = ({ process, object, input }: Operation<'release' | 'rwlock.downgrade'>) =>
    holdKey(process, object, input.fence);
  const byFact = ({ process, object, data }: Fact<'held' | 'lost'>) => holdKey(process, object, data.fence);
  const released = groupBy(operationsOf(history, 'release'), byCall);
  const downgraded = groupBy(operationsOf(history, 'rwlock.downgrade'), byCall);
  const broke = groupBy(operationsOf(history, 'lock.break'), ({ object, input }) => holdKey('', object, input.fence));
  const read = groupBy(factsOf(history, 'held'), byFact);
  const lost = groupBy(factsOf(history, 'lost'), byFact);
  const wrote = groupBy(operationsOf(history, 'guarded.write'), ({ process, input }) =>
    holdKey(process, input.line, input.fence),
  );
  const injected = injectedEnds(history);
  const stolen = stolenFrom(history);
  const crashes = groupBy(factsOf(history, 'crash'), ({ process }) => process);
  return {
    of: ({ op, process, object }, { fence, lease }) => {
      const key = holdKey(process, object, fence);
      const writes = op === 'rwlock.write';
      return [
        ...(released.get(key) ?? []).map(endOfCall),
        ...(writes ? (downgraded.get(key) ?? []) : []).map(endOfCall),
        ...(lost.get(key) ?? []).map(endOfFact),
        ...(read.get(key) ?? []).filter(({ data }) => !data.held).map(endOfFact),
        ...(crashes.get(process) ?? []).map(endOfFact),
        ...(injected.get(lease) ?? []).map((each) => ({ ...endOfFact(each), early: true })),
        ...(broke.get(holdKey('', object, fence)) ?? []).map((each) => ({ ...endOfCall(each), early: true })),
        ...stolen(object, fence).map((each) => ({ ...endOfFact(each), early: true })),
      ];
    },
    lastSeen: ({ process, object, endAt }, { fence }, to) => {
      const key = holdKey(process, object, fence);
      const samples = (read.get(key) ?? []).filter(({ data }) => data.held).map(({ at }) => at);
      const uses = (wrote.get(key) ?? []).map(({ from }) => from);
      return [...samples, ...uses].reduce((last, at) => (at < to && at > last ? at : last), endAt);
    },
  };
}

function endOfCall({ from, invoke }: Operation): HoldEnd {
  return { at: from, entry: invoke, early: false };
}

function endOfFact({ at, note }: { readonly at: number; readonly note: Entry }): HoldEnd {
  return { at, entry: note, early: false };
}

function injectedEnds(history: History): Map<bigint, Fact<'lease.ended'>[]> {
  const ended = factsOf(history, 'lease.ended').filter(({ data }) => data.cause === 'injected');
  return groupBy(ended, ({ data }) => data.lease);
}

/** Where the server's line had a place no more while somebody was stealing it: no holder can know that at once. */
function stolenFrom(history: History): (object: string, fence: bigint) => Fact<'line.state'>[] {
  const steals = groupBy(operationsOf(history, 'lock.steal'), ({ object }) => object);
  const states = groupBy(factsOf(history, 'line.state'), ({ object }) => object);
  return (object, fence) => {
    const thieves = steals.get(object);
    const line = thieves === undefined ? [] : (states.get(object) ?? []);
    const stood = line.findLastIndex(({ data }) => data.places.some((place) => place.fence === fence));
    const gone = stood < 0 ? undefined : line[stood + 1];
    return gone !== undefined && thieves?.some(({ from, endAt }) => from < gone.at && gone.at < endAt) ? [gone] : [];
  };
}

export function holdKey(process: string, object: string, fence: bigint): string {
  return `${process}\n${object}\n${fence}`;
}
