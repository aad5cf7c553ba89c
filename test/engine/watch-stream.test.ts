import { describe, expect, it } from 'vitest';
import { estimateSize, fragmentsOf } from '../../src/engine/watch-fragments.js';
import { WatchHub } from '../../src/engine/watch-hub.js';
import { WatchStream, type WatchStreamOptions } from '../../src/engine/watch-stream.js';
import type { WatchCreateRequest, WatchResponse } from '../../src/store/messages.js';
import { b, del, header, newEngine, op, put, show } from './support.js';

interface StreamedOptions extends WatchStreamOptions {
  readonly onEmit?: (response: WatchResponse) => void;
}

function streamed({ onEmit, ...options }: StreamedOptions = {}) {
  const engine = newEngine({
    onEntry: (entry) => {
      if (entry.type === 'changes') hub.add(entry.changes);
    },
  });
  const hub: WatchHub = new WatchHub(engine.space);
  const out: WatchResponse[] = [];
  const stream = new WatchStream(
    hub,
    (revision) => engine.header(revision),
    (response) => {
      out.push(response);
      onEmit?.(response);
    },
    options,
  );
  const create = (
    request: Omit<Partial<WatchCreateRequest>, 'key' | 'rangeEnd'> & { key?: string; rangeEnd?: string } = {},
  ) => {
    const { key = 'a', rangeEnd = '', ...rest } = request;
    stream.handle({ type: 'create', request: { key: b(key), rangeEnd: b(rangeEnd), ...rest } });
  };
  const write = (key: string, value = '') => {
    engine.put(put(key, value));
    hub.release();
  };
  return { engine, hub, stream, create, write, take: () => out.splice(0).map(brief) };
}

/** Everything of a response that is not zero; header as its revision. */
function brief(response: WatchResponse): string {
  const { watchId, created, canceled, compactRevision, cancelReason, fragment, events } = response;
  const parts = [`#${watchId} @${response.header.revision}`];
  if (created) parts.push('created');
  if (canceled) parts.push('canceled');
  if (compactRevision !== 0n) parts.push(`compacted ${compactRevision}`);
  if (cancelReason !== '') parts.push(`(${cancelReason})`);
  if (fragment) parts.push('fragment');
  return [...parts, ...events.map(({ type, kv }) => `${type === 1 ? '-' : '+'}${show(kv)}`)].join(' ');
}

describe('watch ids (protocol.md section 2)', () => {
  it('count from 0, skip those in use, and are the client’s if it names one', () => {
    const { create, stream, take } = streamed();
    for (const watchId of [0n, 2n, 0n, 0n]) create({ watchId });
    stream.handle({ type: 'cancel', watchId: 0n });
    create();
    expect(take()).toEqual([
      '#0 @1 created',
      '#2 @1 created',
      '#1 @1 created',
      '#3 @1 created',
      '#0 @1 canceled',
      '#4 @1 created',
    ]);
  });

  // etcd-difference: negative-watch-id
  it('are refused when taken or negative, and the stream goes on', () => {
    const { create, take, hub, write } = streamed();
    create({ watchId: 5n });
    create({ watchId: 5n });
    create({ watchId: -1n });
    write('a');
    expect(take()).toEqual([
      '#5 @1 created',
      '#-1 @1 created canceled (mvcc: duplicate watch ID provided on the WatchStream)',
      '#-1 @1 created canceled (mvcc: negative watch ID provided on the WatchStream)',
      '#5 @2 +a=@2/2/1',
    ]);
    expect(hub.watcherCount).toBe(1);
  });
});

describe('create', () => {
  it('answers before any event, with the present revision', () => {
    const { create, write, take } = streamed();
    write('a', '1');
    write('a', '2');
    create({ startRevision: 2n });
    create({ startRevision: 9n });
    write('a', '3');
    expect(take()).toEqual(['#0 @3 created', '#0 @3 +a=1@2/2/1 +a=2@2/3/2', '#1 @3 created', '#0 @4 +a=3@2/4/3']);
  });

  it('refuses what cannot be watched', () => {
    const { create, take } = streamed();
    create({ key: 'b', rangeEnd: 'a' });
    create({ startRevision: -1n });
    create({ key: 'b', rangeEnd: 'a', startRevision: -1n });
    expect(take()).toEqual([
      '#-1 @1 created canceled (mvcc: watcher range is empty)',
      '#-1 @1 created canceled (etcdserver: mvcc: required revision has been compacted)',
      '#-1 @1 created canceled (etcdserver: mvcc: required revision has been compacted)',
    ]);
  });

  it('of a compacted revision is answered first and canceled then, without a header revision', () => {
    const { engine, create, write, take, stream } = streamed();
    for (const value of ['1', '2', '3']) write('a', value);
    engine.compact({ revision: 3n });
    create({ startRevision: 2n });
    stream.handle({ type: 'cancel', watchId: 0n });
    stream.handle({ type: 'cancel', watchId: 0n });
    expect(take()).toEqual(['#0 @4 created', '#0 @0 canceled compacted 3', '#0 @4 canceled']);
  });

  it('takes an empty key for the first of all', () => {
    const { create, write, take } = streamed();
    create({ key: '', rangeEnd: '\0' });
    write('a', '1');
    expect(take()).toEqual(['#0 @1 created', '#0 @2 +a=1@2/2/1']);
  });

  it('has complete headers', () => {
    const engine = newEngine();
    const out: WatchResponse[] = [];
    const stream = new WatchStream(
      new WatchHub(engine.space),
      (revision) => engine.header(revision),
      (r) => out.push(r),
    );
    stream.handle({ type: 'create', request: { key: b('a') } });
    expect(out).toEqual([
      {
        header: header(1n),
        watchId: 0n,
        created: true,
        canceled: false,
        compactRevision: 0n,
        cancelReason: '',
        fragment: false,
        events: [],
      },
    ]);
  });
});

describe('cancel and unknown requests', () => {
  it('answer once, or not at all', () => {
    const { create, stream, write, take } = streamed();
    create();
    stream.handle({ type: 'none' });
    stream.handle({ type: 'cancel', watchId: 7n });
    stream.handle({ type: 'cancel', watchId: 0n });
    write('a');
    expect(take()).toEqual(['#0 @1 created', '#0 @1 canceled']);
  });
});

describe('progress', () => {
  it('is told on request when every watch is synced, and not without watches', () => {
    const { create, stream, write, take } = streamed();
    stream.handle({ type: 'progress' });
    expect(take()).toEqual([]);
    create();
    write('x');
    stream.handle({ type: 'progress' });
    create({ startRevision: 9n });
    stream.handle({ type: 'progress' });
    expect(take()).toEqual(['#0 @1 created', '#-1 @2', '#1 @2 created']);
  });

  // etcd-difference: progress-compacted-watch
  it('is not told while a watch is paused, and leaves out one that compaction has ended', () => {
    const { engine, create, stream, write, take } = streamed();
    for (const value of ['1', '2', '3']) write('a', value);
    engine.compact({ revision: 3n });
    create({ startRevision: 2n });
    create();
    stream.pause();
    stream.handle({ type: 'progress' });
    stream.resume();
    stream.handle({ type: 'progress' });
    expect(take()).toEqual(['#0 @4 created', '#0 @0 canceled compacted 3', '#1 @4 created', '#-1 @4']);
  });

  it('comes with the tick for synced watches that asked and were told nothing since', () => {
    const { create, stream, write, take } = streamed();
    create({ progressNotify: true });
    create({ progressNotify: true, key: 'b' });
    create();
    create({ progressNotify: true, startRevision: 99n });
    write('a');
    take();
    stream.progressTick();
    expect(take()).toEqual(['#1 @2']);
    stream.progressTick();
    expect(take()).toEqual(['#0 @2', '#1 @2']);
  });

  it('asked for in the middle of an event is of the revision before', () => {
    const { create, stream, hub, engine, take } = streamed();
    const asking = { onEvents: () => stream.handle({ type: 'progress' }), onCompacted: () => {} };
    hub.watch({ key: b('a') }, asking).resume();
    create();
    engine.put(put('a'));
    hub.release();
    expect(take()).toEqual(['#0 @1 created', '#-1 @1', '#0 @2 +a=@2/2/1']);
  });
});

describe('backpressure and close', () => {
  it('pause keeps answers coming and events waiting', () => {
    const { create, stream, write, take } = streamed();
    create();
    stream.pause();
    write('a', '1');
    create({ key: 'b', startRevision: 1n });
    write('b', '2');
    expect(take()).toEqual(['#0 @1 created', '#1 @2 created']);
    stream.resume();
    expect(take()).toEqual(['#0 @3 +a=1@2/2/1', '#1 @3 +b=2@3/3/1']);
  });

  it('resume stops where the peer has enough, and begins next time with those that have not had their turn', () => {
    const { create, stream, write, take } = streamed({ onEmit: ({ events }) => events.length > 0 && stream.pause() });
    for (let i = 0; i < 3; i++) create();
    stream.pause();
    write('a', '1');
    take();
    const resumed = () => {
      stream.resume();
      return take();
    };
    expect(resumed()).toEqual(['#0 @2 +a=1@2/2/1']);
    write('a', '2');
    expect([resumed(), resumed(), resumed(), resumed()]).toEqual([
      ['#1 @3 +a=1@2/2/1 +a=2@2/3/2'],
      ['#2 @3 +a=1@2/2/1 +a=2@2/3/2'],
      ['#0 @3 +a=2@2/3/2'],
      [],
    ]);
  });

  it('close ends all', () => {
    const { create, stream, hub, write, take } = streamed();
    create();
    stream.close();
    stream.close();
    create();
    write('a');
    expect([take(), hub.watcherCount]).toEqual([['#0 @1 created'], 0]);
  });
});

describe('fragments', () => {
  const events = (count: number) => Array.from({ length: count }, (_, i) => op.put(`a${i}`));
  const sizeOf = (response: WatchResponse) => 5 + 10 * response.events.length;

  function told(fragmentBytes: number, count: number, fragment: boolean): [number, boolean][] {
    const { engine, hub } = streamed();
    const got: [number, boolean][] = [];
    const stream = new WatchStream(
      hub,
      (revision) => engine.header(revision),
      ({ events: each, fragment: more }) => {
        if (each.length > 0) got.push([each.length, more]);
      },
      { fragmentBytes, sizeOf },
    );
    stream.handle({ type: 'create', request: { key: b('a'), rangeEnd: b('b'), fragment } });
    engine.txn({ success: events(count) });
    hub.release();
    return got;
  }

  it('split what is too large, only when allowed, all but the last marked', () => {
    expect(told(36, 7, true)).toEqual([
      [3, true],
      [3, true],
      [1, false],
    ]);
    expect(told(36, 7, false)).toEqual([[7, false]]);
    expect(told(36, 3, true)).toEqual([[3, false]]);
    expect(told(1, 2, true)).toEqual([
      [1, true],
      [1, false],
    ]);
    expect(told(1, 1, true)).toEqual([[1, false]]);
  });

  it('wait for a peer that pauses; nothing comes between them', () => {
    const { engine, hub, create, stream, take } = streamed({
      ...{ fragmentBytes: 26, sizeOf },
      onEmit: ({ events: each }) => each.length > 0 && stream.pause(),
    });
    create({ rangeEnd: 'b', fragment: true });
    engine.txn({ success: events(5) });
    hub.release();
    create({ key: 'x' });
    const first = take();
    stream.resume();
    const second = take();
    stream.resume();
    expect([first, second, take()]).toEqual([
      ['#0 @1 created', '#0 @2 fragment +a0=@2/2/1 +a1=@2/2/1'],
      ['#0 @2 fragment +a2=@2/2/1 +a3=@2/2/1'],
      ['#0 @2 +a4=@2/2/1'],
    ]);
    stream.resume();
    expect(take()).toEqual(['#1 @2 created']);
  });

  it('that wait are gone with their stream', () => {
    const { engine, hub, create, stream, take } = streamed({
      ...{ fragmentBytes: 16, sizeOf },
      onEmit: ({ events: each }) => each.length > 0 && stream.pause(),
    });
    create({ rangeEnd: 'b', fragment: true });
    engine.txn({ success: events(3) });
    hub.release();
    stream.close();
    stream.resume();
    expect(take()).toHaveLength(2);
  });

  it('are estimated from above', () => {
    const { engine } = streamed();
    engine.put(put('k'.repeat(100), 'v'.repeat(1_000)));
    engine.deleteRange(del('k', 'l'));
    const { kvs } = engine.range({ key: b('k'), rangeEnd: b('l'), revision: 2n });
    const kv = kvs[0] as (typeof kvs)[0];
    const base = {
      header: header(3n),
      watchId: 0n,
      created: false,
      canceled: false,
      compactRevision: 0n,
      cancelReason: '',
      fragment: false,
    };
    const response = {
      ...base,
      events: [
        { type: 0, kv, prevKv: kv },
        { type: 1, kv, prevKv: undefined },
      ],
    };
    expect(estimateSize(response)).toBeGreaterThan(3_300);
    expect(fragmentsOf(response, 3_000, estimateSize).map((part) => [part.events.length, part.fragment])).toEqual([
      [1, true],
      [1, false],
    ]);
  });
});
