import { describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { type WatchHandle, WatchHub } from '../../src/engine/watch-hub.js';
import type { WatchTarget } from '../../src/engine/watch-request.js';
import type { Event } from '../../src/store/messages.js';
import { b, compare, del, errorOf, newEngine, op, put, show } from './support.js';

/** An engine whose hub tells at once, as the host does. */
function hubbed(): { engine: Engine; hub: WatchHub; watch: (request: Partial<Target>) => Told } {
  const engine: Engine = newEngine({
    onEntry: (entry) => {
      if (entry.type === 'changes') hub.add(entry.changes);
    },
  });
  const hub: WatchHub = new WatchHub(engine.space);
  return { engine, hub, watch: (request) => watchWith(hub, request) };
}

type Target = Omit<WatchTarget, 'key' | 'rangeEnd'> & { key: string; rangeEnd: string; paused: boolean };
type Told = { readonly told: string[]; readonly handle: WatchHandle };

function watchWith(hub: WatchHub, { key = 'a', rangeEnd = '', paused = false, ...rest }: Partial<Target>): Told {
  const told: string[] = [];
  const handle = hub.watch(
    { key: b(key), rangeEnd: b(rangeEnd), ...rest },
    {
      onEvents: (events, revision) => told.push(`${revision}: ${events.map(showEvent).join(', ')}`),
      onCompacted: (revision) => told.push(`compacted ${revision}`),
    },
  );
  if (!paused) handle.resume();
  return { told, handle };
}

function showEvent({ type, kv, prevKv }: Event): string {
  return `${type === 1 ? '-' : '+'}${show(kv)}${prevKv === undefined ? '' : ` was ${show(prevKv)}`}`;
}

describe('live events (protocol.md section 2)', () => {
  it('come once per revision, whole, in order, to whoever’s range it is', () => {
    const { engine, hub, watch } = hubbed();
    const watches = {
      key: watch({ key: 'a' }),
      prefix: watch({ key: 'a', rangeEnd: 'b' }),
      odd: watch({ key: 'a\0', rangeEnd: 'b\0' }),
      all: watch({ key: '', rangeEnd: '\0' }),
      none: watch({ key: 'x' }),
    };
    engine.txn({ success: [op.put('b', '1'), op.put('ab', '1'), op.put('a', '1')] });
    hub.release();
    engine.deleteRange(del('a', 'b'));
    hub.release();
    expect(watches.key.told).toEqual(['2: +a=1@2/2/1', '3: -a=@0/3/0']);
    expect(watches.prefix.told).toEqual(['2: +ab=1@2/2/1, +a=1@2/2/1', '3: -a=@0/3/0, -ab=@0/3/0']);
    expect(watches.odd.told).toEqual(['2: +b=1@2/2/1, +ab=1@2/2/1', '3: -ab=@0/3/0']);
    expect(watches.all.told).toEqual(['2: +b=1@2/2/1, +ab=1@2/2/1, +a=1@2/2/1', '3: -a=@0/3/0, -ab=@0/3/0']);
    expect(watches.none.told).toEqual([]);
  });

  it('are filtered, and carry what was there before unless it is a creation', () => {
    const { engine, hub, watch } = hubbed();
    const [prev, noPut, noDelete, nothing] = [
      { prevKv: true },
      { filters: [0] },
      { filters: [1, 9] },
      { filters: [0, 1] },
    ].map((request) => watch(request));
    engine.put(put('a', '1'));
    engine.put(put('a', '2'));
    engine.deleteRange(del('a'));
    engine.put(put('a', '3'));
    hub.release();
    expect(prev?.told).toEqual([
      '2: +a=1@2/2/1',
      '3: +a=2@2/3/2 was a=1@2/2/1',
      '4: -a=@0/4/0 was a=2@2/3/2',
      '5: +a=3@5/5/1',
    ]);
    expect(noPut?.told).toEqual(['4: -a=@0/4/0']);
    expect(noDelete?.told).toEqual(['2: +a=1@2/2/1', '3: +a=2@2/3/2', '5: +a=3@5/5/1']);
    expect(nothing?.told).toEqual([]);
  });

  it('wait for a start revision to come', () => {
    const { engine, hub, watch } = hubbed();
    const { told, handle } = watch({ startRevision: 4n });
    for (const value of ['1', '2', '3', '4']) {
      expect(handle.synced()).toBe(engine.space.revision >= 3n);
      engine.put(put('a', value));
      hub.release();
    }
    expect(told).toEqual(['4: +a=3@2/4/3', '5: +a=4@2/5/4']);
  });

  it('end with cancel', () => {
    const { engine, hub, watch } = hubbed();
    const { told, handle } = watch({});
    handle.cancel();
    handle.resume();
    engine.put(put('a', '1'));
    hub.release();
    expect([told, hub.watcherCount, handle.synced()]).toEqual([[], 0, false]);
  });
});

describe('catching up', () => {
  it('brings many revisions at once, inclusive of the start, with the header of the present', () => {
    const { engine, hub, watch } = hubbed();
    for (const key of ['a', 'b', 'a', 'b']) engine.put(put(key, '1'));
    hub.release();
    expect(watch({ startRevision: 2n }).told).toEqual(['5: +a=1@2/2/1, +a=1@2/4/2']);
    expect(watch({ startRevision: 3n, prevKv: true }).told).toEqual(['5: +a=1@2/4/2 was a=1@2/2/1']);
    expect(watch({ startRevision: 5n }).told).toEqual([]);
  });

  it('takes at most 1,000 revisions at a time', () => {
    const { engine, hub } = hubbed();
    for (let i = 0; i < 2_100; i++) engine.txn({ success: [op.put('a'), op.put('b')] });
    hub.release();
    const sizes: number[] = [];
    const sink = { onEvents: (events: readonly Event[]) => sizes.push(events.length), onCompacted: () => {} };
    hub.watch({ key: b('a'), rangeEnd: b('c'), startRevision: 2n }, sink).resume();
    expect(sizes).toEqual([2_000, 2_000, 200]);
  });

  // etcd-difference: tombstone-at-compaction
  it('takes about a mebibyte at a time, by whole revisions', () => {
    const { engine, hub } = hubbed();
    const value = 'v'.repeat(400_000);
    for (let i = 0; i < 5; i++) engine.txn({ success: [op.put('a', value), op.put('b', value)] });
    hub.release();
    const sizes: number[] = [];
    const sink = { onEvents: (events: readonly Event[]) => sizes.push(events.length), onCompacted: () => {} };
    hub.watch({ key: b('a'), rangeEnd: b('c'), startRevision: 2n }, sink).resume();
    hub.watch({ key: b('a'), startRevision: 2n, prevKv: true }, sink).resume();
    expect(sizes).toEqual([4, 4, 2, 2, 2, 1]);
  });

  it('costs what the keys of its range changed, not what all others did', () => {
    const { engine, hub, watch } = hubbed();
    const others = () => {
      for (let i = 0; i < 1_000; i++) engine.put(put(`z${i % 7}`));
    };
    engine.put(put('a', '1'));
    others();
    engine.txn({ success: [op.del('a'), op.put('ab', '2'), op.put('z0')] });
    others();
    engine.compact({ revision: 1_003n });
    engine.put(put('a', '3'));
    others();
    hub.release();
    const looks = vi.spyOn(engine.space, 'changesOf');
    const single = watch({ startRevision: 1_003n, prevKv: true });
    const prefix = watch({ rangeEnd: 'b', startRevision: 1_003n });
    const noPuts = watch({ startRevision: 1_003n, filters: [0] });
    const idle = watch({ key: 'never', startRevision: 1_003n });
    expect(looks.mock.calls.length).toBeLessThan(50);
    expect(single.told).toEqual(['3004: -a=@0/1003/0, +a=3@2004/2004/1']);
    expect(prefix.told).toEqual(['3004: -a=@0/1003/0, +ab=2@1003/1003/1, +a=3@2004/2004/1']);
    expect(noPuts.told).toEqual(['3004: -a=@0/1003/0']);
    engine.put(put('never'));
    hub.release();
    expect([idle.told, idle.handle.synced()]).toEqual([['3005: +never=@3005/3005/1'], true]);
  });

  it('from the compacted revision works, from before it does not', () => {
    const { engine, hub, watch } = hubbed();
    engine.put(put('a', '1'));
    engine.put(put('b', '1'));
    engine.deleteRange(del('a', 'c')); // 4
    engine.put(put('b', '2'));
    engine.compact({ revision: 4n });
    hub.release();
    const all = { key: 'a', rangeEnd: 'c', prevKv: true };
    expect(watch({ ...all, startRevision: 4n }).told).toEqual(['5: -a=@0/4/0, -b=@0/4/0, +b=2@5/5/1']);
    const late = watch({ ...all, startRevision: 3n });
    expect([late.told, late.handle.synced()]).toEqual([['compacted 4'], false]);
  });

  it('omits what was there before where it is compacted', () => {
    const { engine, hub, watch } = hubbed();
    for (const value of ['1', '2', '3']) engine.put(put('a', value));
    engine.compact({ revision: 3n });
    hub.release();
    expect(watch({ startRevision: 3n, prevKv: true }).told).toEqual(['4: +a=2@2/3/2, +a=3@2/4/3 was a=2@2/3/2']);
  });
});

describe('a watcher that pauses', () => {
  it('goes on where it stopped, or learns that it is too late', () => {
    const { engine, hub, watch } = hubbed();
    const lazy = watch({});
    const slow = watch({});
    for (const { handle } of [lazy, slow]) handle.pause();
    for (const value of ['1', '2']) engine.put(put('a', value));
    hub.release();
    lazy.handle.resume();
    engine.put(put('a', '3'));
    engine.compact({ revision: 3n });
    hub.release();
    expect(slow.handle.synced()).toBe(false);
    slow.handle.resume();
    expect(lazy.told).toEqual(['3: +a=1@2/2/1, +a=2@2/3/2', '4: +a=3@2/4/3']);
    expect(slow.told).toEqual(['compacted 3']);
  });

  it('in the middle of catching up hears the rest later', () => {
    const { engine, hub } = hubbed();
    for (let i = 0; i < 1_500; i++) engine.put(put('a'));
    hub.release();
    const sizes: number[] = [];
    const handle = hub.watch(
      { key: b('a'), startRevision: 2n },
      {
        onEvents: (events) => {
          sizes.push(events.length);
          handle.pause();
        },
        onCompacted: () => {},
      },
    );
    handle.resume();
    expect(sizes).toEqual([1_000]);
    handle.resume();
    expect([sizes, handle.synced()]).toEqual([[1_000, 500], false]);
    handle.resume();
    expect(handle.synced()).toBe(true);
  });

  it('because of another’s event hears that revision later, once', () => {
    const { engine, hub, watch } = hubbed();
    const second: Told[] = [];
    hub.watch({ key: b('a') }, { onEvents: () => second[0]?.handle.pause(), onCompacted: () => {} }).resume();
    second.push(watch({}));
    engine.put(put('a', '1'));
    hub.release();
    expect(second[0]?.told).toEqual([]);
    second[0]?.handle.resume();
    expect(second[0]?.told).toEqual(['2: +a=1@2/2/1']);
  });
});

describe('a watcher that another pauses', () => {
  it('after it was told does not hear it twice', () => {
    const { engine, hub, watch } = hubbed();
    const first = watch({});
    hub.watch({ key: b('a') }, { onEvents: () => first.handle.pause(), onCompacted: () => {} }).resume();
    engine.put(put('a', '1'));
    hub.release();
    first.handle.resume();
    expect(first.told).toEqual(['2: +a=1@2/2/1']);
  });
});

describe('sinks that call back', () => {
  it('cause revisions that everyone hears of after the present one', () => {
    const { engine, hub } = hubbed();
    const told: string[] = [];
    const sink = (name: string, once: () => void) => ({
      onEvents: (events: readonly Event[], revision: bigint) => {
        told.push(`${name} ${revision} of ${engine.space.revision}, told ${hub.toldRevision}`);
        if (events[0]?.kv.version === 1n) once();
        told.push('back');
      },
      onCompacted: () => {},
    });
    hub
      .watch(
        { key: b('a') },
        sink('first', () => {
          engine.put(put('a', 'again'));
          hub.release();
        }),
      )
      .resume();
    hub
      .watch(
        { key: b('a') },
        sink('second', () => {}),
      )
      .resume();
    engine.put(put('a'));
    hub.release();
    expect(told).toEqual([
      ...['first 2 of 2, told 1', 'back'],
      ...['second 2 of 3, told 1', 'back'],
      ...['first 3 of 3, told 2', 'back'],
      ...['second 3 of 3, told 2', 'back'],
    ]);
    expect(hub.toldRevision).toBe(3n);
  });

  it('make watches that neither miss nor repeat', () => {
    const { engine, hub, watch } = hubbed();
    const made: Told[] = [];
    hub
      .watch(
        { key: b('a') },
        {
          onEvents: (_, revision) => {
            if (revision === 2n) made.push(watch({}), watch({ startRevision: 2n }));
          },
          onCompacted: () => {},
        },
      )
      .resume();
    engine.put(put('a', '1'));
    engine.put(put('a', '2'));
    hub.release();
    expect(made.map(({ told }) => told)).toEqual([['3: +a=2@2/3/2'], ['2: +a=1@2/2/1', '3: +a=2@2/3/2']]);
  });

  it('end others before their turn', () => {
    const { engine, hub, watch } = hubbed();
    const others: Told[] = [];
    const first = { onEvents: () => others[0]?.handle.cancel(), onCompacted: () => {} };
    hub.watch({ key: b('a') }, first).resume();
    others.push(watch({}));
    engine.put(put('a'));
    hub.release();
    expect(others[0]?.told).toEqual([]);
  });
});

describe('held back revisions', () => {
  it('are the future for every watcher until released', () => {
    const { engine, hub, watch } = hubbed();
    const before = watch({});
    for (const value of ['1', '2', '3']) engine.put(put('a', value));
    const during = watch({});
    const past = watch({ startRevision: 2n });
    expect([hub.revision, during.handle.createdAt]).toEqual([1n, 1n]);
    hub.release(3n);
    const all = ['2: +a=1@2/2/1', '3: +a=2@2/3/2'];
    expect([before.told, during.told, past.told, hub.revision]).toEqual([all, all, all, 3n]);
    hub.release();
    expect([before.told.length, hub.revision]).toEqual([3, 4n]);
  });
});

describe('refused watches', () => {
  it('have an empty range or begin before everything', () => {
    const { hub, watch } = hubbed();
    expect(errorOf(() => watch({ key: 'b', rangeEnd: 'a' }))).toBe('mvcc: watcher range is empty');
    expect(errorOf(() => watch({ key: 'b', rangeEnd: 'b' }))).toBe('mvcc: watcher range is empty');
    expect(errorOf(() => watch({ startRevision: -1n }))).toBe('etcdserver: mvcc: required revision has been compacted');
    expect(hub.watcherCount).toBe(0);
  });
});

describe('lease ends', () => {
  it('are one event list in key order', () => {
    const { engine, hub, watch } = hubbed();
    engine.leaseGrant({ id: 1n, ttl: 5n }, 0);
    for (const key of ['c', 'a']) engine.put(put(key, '', { lease: 1n }));
    const { told } = watch({ key: 'a', rangeEnd: 'z' });
    hub.release();
    engine.txn({ compare: [compare({ key: 'a', version: 1n })] });
    engine.expireLeases(5_000);
    hub.release();
    expect(told.at(-1)).toBe('4: -a=@0/4/0, -c=@0/4/0');
  });
});
