import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../../src/core/bytes.js';
import { ConclaveError } from '../../../src/core/errors.js';
import { EngineHost } from '../../../src/engine/engine-host.js';
import { EngineStore } from '../../../src/engine/engine-store.js';
import { SimRuntime } from '../../../src/sim/sim-runtime.js';
import { DelegatingStore } from '../../../src/store/delegating-store.js';
import { type Event, EventType, WatchFilter } from '../../../src/store/messages.js';
import { SharingStore } from '../../../src/store/sharing/sharing-store.js';
import type { WatchListener, WatchSpec } from '../../../src/store/store.js';

interface Watch {
  readonly spec: WatchSpec;
  readonly tell: WatchListener;
  open: boolean;
}

/** A store whose watches tell what a test wants, in the order in which it wants it. */
class Scripted extends DelegatingStore {
  readonly watches: Watch[] = [];

  constructor() {
    super(new EngineStore(new EngineHost(new SimRuntime({ seed: 1 }))));
  }

  get open(): number {
    return this.watches.filter((each) => each.open).length;
  }

  override watch(spec: WatchSpec, tell: WatchListener): () => void {
    const watch = { spec, tell, open: true };
    this.watches.push(watch);
    return () => {
      watch.open = false;
    };
  }
}

const spec: WatchSpec = { key: utf8('k'), rangeEnd: utf8('l') };

function eventsAt(...revisions: number[]): Event[] {
  return revisions.map((revision) => {
    const modRevision = BigInt(revision);
    const kv = { key: utf8('k'), value: utf8('v'), createRevision: 1n, modRevision, version: 1n, lease: 0n };
    return { type: EventType.put, kv, prevKv: undefined };
  });
}

/** What somebody who watches was told, a text for each call. */
class Reader implements WatchListener {
  readonly told: string[] = [];
  stop: () => void = () => {};

  onCreated(revision: bigint): void {
    this.told.push(`created at ${revision}`);
  }

  onEvents(events: readonly Event[]): void {
    this.told.push(events.map(({ kv }) => kv.modRevision).join(' '));
  }

  onProgress(revision: bigint): void {
    this.told.push(`up to ${revision}`);
  }

  onEnd(error: ConclaveError): void {
    this.told.push(error.code);
  }
}

class Scene {
  readonly network = new Scripted();
  readonly store = new SharingStore(this.network);

  watch(part: Partial<WatchSpec> = {}): { reader: Reader; own: Watch } {
    const reader = new Reader();
    reader.stop = this.store.watch({ ...spec, ...part }, reader);
    return { reader, own: this.network.watches.at(-1) as Watch };
  }
}

describe('SharingStore', () => {
  it('SHARE-1: any number of watches that ask for the same are one, and each event comes once to each', () => {
    const { network, store } = new Scene();
    const readers = Array.from({ length: 100 }, () => new Reader());
    for (const reader of readers) store.watch(spec, reader);
    for (const { tell } of [...network.watches]) tell.onCreated?.(5n);
    expect(network.open).toBe(1);
    for (const { open, tell } of network.watches) if (open) tell.onEvents(eventsAt(6), 6n);
    for (const { told } of readers) expect(told).toEqual(['created at 5', '6']);
  });

  it.each<[string, Partial<WatchSpec>]>([
    ['another key', { key: utf8('j') }],
    ['another range', { rangeEnd: utf8('m') }],
    ['a key alone', { rangeEnd: undefined }],
    ['bytes that only look alike', { key: utf8('kl'), rangeEnd: utf8('') }],
    ['no deletes', { filters: [WatchFilter.noDelete] }],
    ['no puts', { filters: [WatchFilter.noPut] }],
    ['previous values', { prevKv: true }],
    ['progress', { progressNotify: true }],
    ['the other lane', { lane: 'control' }],
  ])('SHARE-1: who asks for %s has a watch of its own', (_, other) => {
    const scene = new Scene();
    for (const part of [{}, other]) scene.watch(part).own.tell.onCreated?.(5n);
    expect(scene.network.open).toBe(2);
  });

  it('SHARE-1: the same said otherwise is the same', () => {
    const scene = new Scene();
    const [noPut, noDelete] = [WatchFilter.noPut, WatchFilter.noDelete];
    const same: Partial<WatchSpec>[] = [
      { lane: 'bulk', prevKv: false, startRevision: 0n, filters: [noPut, noDelete] },
      { filters: [noDelete, noPut] },
    ];
    for (const part of same) scene.watch(part).own.tell.onCreated?.(5n);
    expect(scene.network.open).toBe(1);
  });

  it('SHARE-2: who comes later is told nothing of before its own start', () => {
    const scene = new Scene();
    const first = scene.watch();
    first.own.tell.onCreated?.(5n);
    const later = scene.watch();
    later.own.tell.onCreated?.(7n);
    expect(scene.network.open).toBe(1);
    first.own.tell.onEvents(eventsAt(6, 7, 8, 8), 8n);
    first.own.tell.onEvents(eventsAt(9), 9n);
    expect(first.reader.told).toEqual(['created at 5', '6 7 8 8', '9']);
    expect(later.reader.told).toEqual(['created at 7', '8 8', '9']);
  });

  it('SHARE-2: a watch that is behind the common one stays until it has caught up', () => {
    const scene = new Scene();
    const first = scene.watch();
    first.own.tell.onCreated?.(5n);
    first.own.tell.onEvents(eventsAt(6), 6n);
    const past = scene.watch({ startRevision: 3n });
    past.own.tell.onCreated?.(6n);
    past.own.tell.onEvents(eventsAt(3, 4), 6n);
    expect(scene.network.open).toBe(2);
    past.own.tell.onEvents(eventsAt(6), 6n);
    expect(scene.network.open).toBe(1);
    first.own.tell.onEvents(eventsAt(7), 7n);
    expect(past.reader.told).toEqual(['created at 6', '3 4', '6', '7']);
    expect(first.reader.told).toEqual(['created at 5', '6', '7']);
  });

  it('SHARE-2: an answer that comes behind an event of after it misses nothing', () => {
    const scene = new Scene();
    const first = scene.watch();
    first.own.tell.onCreated?.(5n);
    const later = scene.watch();
    first.own.tell.onEvents(eventsAt(8), 8n);
    later.own.tell.onCreated?.(7n);
    expect(scene.network.open).toBe(2);
    later.own.tell.onEvents(eventsAt(8), 8n);
    first.own.tell.onEvents(eventsAt(9), 9n);
    expect(later.reader.told).toEqual(['created at 7', '8', '9']);
    expect(scene.network.open).toBe(1);
  });

  it('SHARE-2: a watch of the past becomes the common one when it has come to the present, and not before', () => {
    const scene = new Scene();
    const past = scene.watch({ startRevision: 3n });
    past.own.tell.onCreated?.(9n);
    past.own.tell.onEvents(eventsAt(3, 4), 9n);
    scene.watch().own.tell.onCreated?.(9n);
    expect(scene.network.open).toBe(2);
    past.own.tell.onEvents(eventsAt(9), 9n);
    expect(scene.network.open).toBe(1);
  });

  it('SHARE-1: a watch of the past that has come to the present is the one in which who comes later takes part', () => {
    const scene = new Scene();
    const past = scene.watch({ startRevision: 3n });
    past.own.tell.onCreated?.(9n);
    past.own.tell.onEvents(eventsAt(3, 9), 9n);
    scene.watch().own.tell.onCreated?.(9n);
    expect(scene.network.open).toBe(1);
  });

  it('SHARE-1: a watch of what is yet to come stands in nobody’s way, and takes part when that has come', () => {
    const scene = new Scene();
    const later = scene.watch({ startRevision: 9n });
    later.own.tell.onCreated?.(5n);
    later.own.tell.onProgress?.(6n);
    const [first] = [scene.watch(), scene.watch()];
    for (const { tell } of scene.network.watches.slice(1)) tell.onCreated?.(6n);
    expect(scene.network.open).toBe(2);
    later.own.tell.onEvents(eventsAt(9), 9n);
    expect(scene.network.open).toBe(1);
    first.own.tell.onEvents(eventsAt(8, 9), 9n);
    first.own.tell.onEvents(eventsAt(10), 10n);
    expect(first.reader.told).toEqual(['created at 6', '8 9', '10']);
    expect(later.reader.told).toEqual(['created at 5', '9', '10']);
  });

  it('SHARE-2: progress is told to whom it is true of, and what it covers never comes again', () => {
    const scene = new Scene();
    const first = scene.watch();
    first.own.tell.onCreated?.(5n);
    const later = scene.watch();
    later.own.tell.onCreated?.(8n);
    first.own.tell.onProgress?.(7n);
    first.own.tell.onProgress?.(9n);
    first.own.tell.onEvents(eventsAt(10), 10n);
    expect(first.reader.told).toEqual(['created at 5', 'up to 7', 'up to 9', '10']);
    expect(later.reader.told).toEqual(['created at 8', 'up to 9', '10']);
  });

  it('SHARE-3: whoever leaves is told no more, and the last one ends the watch of the store', () => {
    const scene = new Scene();
    const [first, second] = [scene.watch(), scene.watch()];
    for (const { own } of [first, second]) own.tell.onCreated?.(5n);
    first.reader.stop();
    first.reader.stop();
    expect(scene.network.open).toBe(1);
    first.own.tell.onEvents(eventsAt(6), 6n);
    second.reader.stop();
    expect(scene.network.open).toBe(0);
    expect([first.reader.told, second.reader.told]).toEqual([['created at 5'], ['created at 5', '6']]);
    const next = scene.watch();
    next.own.tell.onCreated?.(6n);
    expect(scene.network.open).toBe(1);
  });

  it('SHARE-3: who leaves while all are told is told no more; one that is not created yet can leave too', () => {
    const scene = new Scene();
    const [first, second, early] = [scene.watch(), scene.watch(), scene.watch()];
    for (const { own } of [first, second]) own.tell.onCreated?.(5n);
    early.reader.stop();
    first.reader.onEvents = () => second.reader.stop();
    first.own.tell.onEvents(eventsAt(6), 6n);
    expect(second.reader.told).toEqual(['created at 5']);
    expect(scene.network.open).toBe(1);
  });

  it.each(['onCreated', 'onEvents'] as const)('SHARE-3: nobody takes part in a watch that was left by %s', (told) => {
    const scene = new Scene();
    const first = scene.watch({ startRevision: told === 'onEvents' ? 5n : 0n });
    first.reader[told] = () => first.reader.stop();
    first.own.tell.onCreated?.(5n);
    if (told === 'onEvents') first.own.tell.onEvents(eventsAt(5), 5n);
    expect(scene.network.open).toBe(0);
    const second = scene.watch();
    second.own.tell.onCreated?.(5n);
    expect(scene.network.open).toBe(1);
    second.own.tell.onEvents(eventsAt(6), 6n);
    expect(second.reader.told).toEqual(['created at 5', '6']);
  });

  it('SHARE-4: what ends the common watch is told to all of them; who comes then begins anew', () => {
    const scene = new Scene();
    const [first, second] = [scene.watch(), scene.watch()];
    for (const { own } of [first, second]) own.tell.onCreated?.(5n);
    first.own.tell.onEnd(new ConclaveError('PERMISSION_DENIED', 'no'));
    for (const { told } of [first.reader, second.reader]) expect(told.at(-1)).toBe('PERMISSION_DENIED');
    scene.watch().own.tell.onCreated?.(6n);
    expect(scene.network.watches.at(-1)).toMatchObject({ open: true });
  });

  it('SHARE-4: a compaction ends it for whom it has taken something; another goes on where it is', () => {
    const scene = new Scene();
    const first = scene.watch();
    first.own.tell.onCreated?.(5n);
    const later = scene.watch();
    later.own.tell.onCreated?.(50n);
    first.own.tell.onEnd(new ConclaveError('COMPACTED', 'compacted'));
    expect(first.reader.told).toEqual(['created at 5', 'COMPACTED']);
    const again = scene.network.watches.at(-1) as Watch;
    expect(again.spec).toMatchObject({ startRevision: 51n, seenRevision: 50n });
    expect(utf8Text(again.spec.key)).toBe('k');
    again.tell.onCreated?.(60n);
    again.tell.onEvents(eventsAt(60), 60n);
    expect(later.reader.told).toEqual(['created at 50', '60']);
    again.tell.onEnd(new ConclaveError('COMPACTED', 'compacted'));
    expect(later.reader.told.at(-1)).toBe('COMPACTED');
  });
});
