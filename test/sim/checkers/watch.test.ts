import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { watch } from '../../../src/sim/checkers/watch.js';
import type { Entry, History } from '../../../src/sim/history.js';
import type { FactOf, KvEvent, KvItem, WatchedEvent, WatchStart } from '../../../src/sim/vocabulary.js';
import { forAll, only } from './support/for-all.js';
import { changed, moved, placesOf, without } from './support/mutate.js';
import { rules, type Tale, tell, verdicts } from './support/tale.js';
import { watchedTraffic } from './support/watched-traffic.js';

type Batch = FactOf<'watch.events'>;

const put = (key: string, revision: bigint, create = revision, version = 1n): KvEvent => ({
  revision,
  type: 'put',
  key,
  value: `${revision}`,
  create,
  version,
  lease: 0n,
});
const del = (key: string, revision: bigint): KvEvent => ({
  revision,
  type: 'delete',
  key,
  value: '',
  create: 0n,
  version: 0n,
  lease: 0n,
});

/** k is created at 2, changed at 3, deleted at 4 together with the creation of k/2, created again at 5. */
const log = [put('k', 2n), put('k', 3n, 2n, 2n), del('k', 4n), put('k/2', 4n), put('k', 5n)] as const;
const [created, changedAt3, deleted, other, again] = log;
const third: KvItem = { key: 'k', value: '3', create: 2n, mod: 3n, version: 2n, lease: 0n };

/** The server's log, then one watch that is told `batches`. */
function watched(start: Partial<WatchStart>, ...batches: (readonly WatchedEvent[])[]): History {
  return tell((tale) => {
    for (const event of log) tale.note('server', 'kv', 'kv.event', event);
    begin(tale, start);
    for (const events of batches) batch(tale, events);
  });
}

function begin(tale: Tale, start: Partial<WatchStart>) {
  tale.note('a', 'kv', 'watch.start', { watch: 'w', key: 'k', rangeEnd: 'l', startRevision: 2n, ...start });
  tale.note('a', 'kv', 'watch.created', { watch: 'w', revision: 5n });
}

function batch(tale: Tale, events: readonly WatchedEvent[]) {
  tale.note('a', 'kv', 'watch.events', { watch: 'w', revision: 5n, events });
}

const progress = (tale: Tale, revision: bigint) => tale.note('a', 'kv', 'watch.progress', { watch: 'w', revision });

/** A watch that ends with COMPACTED, after a compaction at revision `at`. */
function compacted(how: { told: readonly WatchedEvent[]; progressTo?: bigint; at: bigint | undefined }): History {
  return tell((tale) => {
    for (const event of log) tale.note('server', 'kv', 'kv.event', event);
    begin(tale, {});
    if (how.told.length > 0) batch(tale, how.told);
    if (how.progressTo !== undefined) progress(tale, how.progressTo);
    if (how.at !== undefined) tale.note('server', 'kv', 'kv.compacted', { revision: how.at });
    tale.note('a', 'kv', 'watch.end', { watch: 'w', code: 'COMPACTED' });
  });
}

const all = [[created], [changedAt3], [deleted, other], [again]];

describe('watch, good histories', () => {
  it.each<[string, History]>([
    ['Reliable - everything - pass', watched({}, ...all)],
    ['Reliable - in one batch - pass', watched({}, log)],
    ['Resumable - from the middle - pass', watched({ startRevision: 4n }, [deleted, other], [again])],
    ['Resumable - from now on - pass', watched({ startRevision: 6n })],
    ['Filter - no puts - pass', watched({ noPut: true }, [deleted])],
    ['Filter - one key - pass', watched({ key: 'k/2', rangeEnd: '' }, [other])],
    [
      'Atomic - in fragments, as asked for - pass',
      watched({ fragment: true }, [created], [changedAt3], [deleted], [other], [again]),
    ],
    [
      'PrevKv - the value before - pass',
      watched({ startRevision: 4n, prevKv: true }, [{ ...deleted, prev: third }, other], [again]),
    ],
    [
      'PrevKv - left out where it is compacted - pass',
      tell((tale) => {
        for (const event of log) tale.note('server', 'kv', 'kv.event', event);
        tale.note('server', 'kv', 'kv.compacted', { revision: 4n });
        begin(tale, { startRevision: 4n, prevKv: true });
        batch(tale, [deleted, other, again]);
      }),
    ],
    [
      'Bookmarkable - progress behind everything - pass',
      tell((tale) => {
        for (const event of log) tale.note('server', 'kv', 'kv.event', event);
        begin(tale, {});
        batch(tale, log);
        progress(tale, 5n);
        progress(tale, 9n);
      }),
    ],
    [
      'Reliable - ended before it was told all - pass',
      tell((tale) => {
        for (const event of log) tale.note('server', 'kv', 'kv.event', event);
        begin(tale, {});
        batch(tale, [created]);
        tale.note('a', 'kv', 'watch.end', { watch: 'w', code: 'cancelled' });
      }),
    ],
    [
      'Reliable - its process crashed - pass',
      tell((tale) => {
        for (const event of log) tale.note('server', 'kv', 'kv.event', event);
        begin(tale, {});
        tale.note('a', 'run', 'crash', null);
      }),
    ],
    ['Ends - some of what it lacks was compacted - pass', compacted({ told: [created], at: 4n })],
    ['Ends - it begins before the compaction - pass', compacted({ told: [], at: 3n })],
  ])('%s', (_, history) => expect(watch(history)).toEqual([]));
});

describe('watch, bad histories', () => {
  it.each<[string, string[], History]>([
    [
      'Ordered - two batches change places - fail',
      ['watch: ordered'],
      watched({}, [created], [deleted, other], [changedAt3], [again]),
    ],
    [
      'Ordered - within one batch - fail',
      ['watch: ordered'],
      watched({}, [created, deleted, other, changedAt3, again]),
    ],
    [
      'Unique - one event twice - fail',
      ['watch: unique'],
      watched({}, [created], [changedAt3, changedAt3], [deleted, other], [again]),
    ],
    ['Unique - a batch again - fail', ['watch: atomic', 'watch: unique'], watched({}, ...all, [again])],
    [
      'Atomic - one revision in two batches - fail',
      ['watch: atomic'],
      watched({}, [created], [changedAt3], [deleted], [other], [again]),
    ],
    [
      'Reliable - one in the middle is left out - fail',
      ['watch: reliable'],
      watched({}, [created], [deleted, other], [again]),
    ],
    [
      'Reliable - half of a txn is left out - fail',
      ['watch: reliable'],
      watched({}, [created], [changedAt3], [deleted], [again]),
    ],
    [
      'Reliable - the last is left out - fail',
      ['watch: reliable'],
      watched({}, [created], [changedAt3], [deleted, other]),
    ],
    ['Reliable - nothing at all - fail', ['watch: reliable'], watched({})],
    ['Reliable - one that never happened - fail', ['watch: reliable'], watched({}, ...all, [put('k', 6n, 5n, 2n)])],
    [
      'Reliable - with another value - fail',
      ['watch: reliable'],
      watched({}, [created], [{ ...changedAt3, value: 'x' }], [deleted, other], [again]),
    ],
    ['Resumable - begins too late - fail', ['watch: resumable'], watched({}, [changedAt3], [deleted, other], [again])],
    [
      'Resumable - begins too early - fail',
      ['watch: resumable'],
      watched({ startRevision: 4n }, [changedAt3], [deleted, other], [again]),
    ],
    [
      'PrevKv - another value - fail',
      ['watch: prevKv'],
      watched({ startRevision: 4n, prevKv: true }, [{ ...deleted, prev: { ...third, value: '2' } }, other], [again]),
    ],
    [
      'PrevKv - left out - fail',
      ['watch: prevKv'],
      watched({ startRevision: 4n, prevKv: true }, [deleted, other], [again]),
    ],
    [
      'PrevKv - of a key that was not there - fail',
      ['watch: prevKv'],
      watched(
        { startRevision: 4n, prevKv: true },
        [
          { ...deleted, prev: third },
          { ...other, prev: third },
        ],
        [again],
      ),
    ],
    [
      'IsCreate - a change told as a creation - fail',
      ['watch: isCreate'],
      watched({}, [created], [{ ...changedAt3, create: 3n }], [deleted, other], [again]),
    ],
    [
      'IsCreate - a creation told as a change - fail',
      ['watch: isCreate'],
      watched({}, [created], [changedAt3], [deleted, other], [{ ...again, create: 2n }]),
    ],
    ['Filter - a kind that was not asked for - fail', ['watch: filter'], watched({ noDelete: true }, ...all)],
    ['Filter - a key that was not asked for - fail', ['watch: filter'], watched({ key: 'k', rangeEnd: '' }, ...all)],
    [
      'Bookmarkable - an event behind the progress that covers it - fail',
      ['watch: bookmarkable'],
      tell((tale) => {
        for (const event of log) tale.note('server', 'kv', 'kv.event', event);
        begin(tale, {});
        progress(tale, 5n);
        batch(tale, log);
      }),
    ],
    [
      'Bookmarkable - progress goes back - fail',
      ['watch: bookmarkable'],
      tell((tale) => {
        for (const event of log) tale.note('server', 'kv', 'kv.event', event);
        begin(tale, {});
        batch(tale, log);
        progress(tale, 5n);
        progress(tale, 4n);
      }),
    ],
    [
      'Bookmarkable - progress past an event that never comes - fail',
      ['watch: bookmarkable'],
      tell((tale) => {
        for (const event of log) tale.note('server', 'kv', 'kv.event', event);
        begin(tale, {});
        batch(tale, [created]);
        progress(tale, 5n);
        tale.note('a', 'kv', 'watch.end', { watch: 'w', code: 'cancelled' });
      }),
    ],
    ['Ends - nothing that it lacks was compacted - fail', ['watch: ends'], compacted({ told: [created], at: 3n })],
    [
      'Ends - progress was beyond the compaction - fail',
      ['watch: ends'],
      compacted({ told: [...log], progressTo: 8n, at: 9n }),
    ],
    ['Ends - nothing was compacted - fail', ['watch: ends'], compacted({ told: [created], at: undefined })],
  ])('%s', (_, broken, history) => expect(rules(watch(history))).toEqual(broken));

  it('Reliable - no log to judge by - undecided', () => {
    const history = tell((tale) => {
      begin(tale, {});
      batch(tale, [created]);
    });
    expect(verdicts(watch(history))).toEqual(['undecided']);
  });
});

describe('watch, generated', () => {
  const arbitrary = fc.record({ seed: fc.nat(), choice: fc.nat() });

  /** A history of the engine with the place of one of its batches that `fits`. */
  function pick({ seed, choice }: { seed: number; choice: number }, fits: (batch: Batch) => boolean) {
    const history = watchedTraffic(seed, 60);
    const places = placesOf(
      history,
      (entry) => entry.type === 'note' && entry.fact === 'watch.events' && fits(dataOf(entry)),
    );
    const at = places[choice % Math.max(1, places.length)];
    only(at !== undefined);
    return { history, at, batch: dataOf(history[at] as Entry) };
  }

  const withEvents = (history: History, at: number, events: readonly WatchedEvent[]) =>
    changed(history, at, (entry) => ({ ...entry, data: { ...dataOf(entry), events } }) as Entry);

  it('what the engine tells passes', () => {
    forAll(fc.nat(), (seed) => expect(watch(watchedTraffic(seed, 80))).toEqual([]));
  });

  it('a batch that is told again is caught', () => {
    forAll(arbitrary, (given) => {
      const { history, at } = pick(given, () => true);
      expect(rules(watch([...history.slice(0, at + 1), ...history.slice(at)]))).toContain('watch: unique');
    });
  });

  it('a batch that is split within a revision is caught', () => {
    forAll(arbitrary, (given) => {
      const { history, at, batch } = pick(given, ({ events }) => events[0]?.revision === events[1]?.revision);
      const [first, ...rest] = batch.events as [WatchedEvent, ...WatchedEvent[]];
      const entry = history[at] as Entry;
      const parts = [[first], rest].map((events) => ({ ...entry, data: { ...batch, events } }) as Entry);
      expect(rules(watch([...history.slice(0, at), ...parts, ...history.slice(at + 1)]))).toEqual(['watch: atomic']);
    });
  });

  it('a batch that is lost is caught', () => {
    forAll(arbitrary, (given) => {
      const { history, at, batch } = pick(given, () => true);
      const over = history.some(
        (entry) => entry.type === 'note' && entry.fact === 'watch.end' && dataOf(entry).watch === batch.watch,
      );
      const later = history
        .slice(at + 1)
        .some((entry) => entry.type === 'note' && entry.fact === 'watch.events' && dataOf(entry).watch === batch.watch);
      only(!over || later);
      const found = rules(watch(without(history, at)));
      expect(found.includes('watch: reliable') || found.includes('watch: resumable')).toBe(true);
    });
  });

  it('a batch behind a later one is caught', () => {
    forAll(arbitrary, (given) => {
      const { history, at, batch } = pick(given, () => true);
      const next = history.findIndex(
        (entry, i) =>
          i > at && entry.type === 'note' && entry.fact === 'watch.events' && dataOf(entry).watch === batch.watch,
      );
      only(next > 0);
      expect(rules(watch(moved(history, at, next)))).toContain('watch: ordered');
    });
  });

  it('events in the wrong form are caught', () => {
    forAll(arbitrary, (given) => {
      const { history, at, batch } = pick(given, ({ events }) => events.some(({ type }) => type === 'put'));
      const which = batch.events.findIndex(({ type }) => type === 'put');
      const event = batch.events[which] as WatchedEvent;
      const replaced = (other: WatchedEvent) =>
        rules(
          watch(
            withEvents(
              history,
              at,
              batch.events.map((each, i) => (i === which ? other : each)),
            ),
          ),
        );
      expect(replaced({ ...event, create: event.create === event.revision ? 1n : event.revision })).toEqual([
        'watch: isCreate',
      ]);
      expect(replaced({ ...event, value: 'no' })).toEqual(['watch: reliable']);
      const prev = { key: event.key, value: 'no', create: 1n, mod: 1n, version: 1n, lease: 0n };
      expect(replaced({ ...event, prev })).toEqual(['watch: prevKv']);
      expect(replaced({ ...event, key: 'zzz' })).toEqual(expect.arrayContaining(['watch: reliable']));
    });
  });
});

function dataOf(entry: Entry): Batch {
  return (entry as { data: unknown }).data as Batch;
}
