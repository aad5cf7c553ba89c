import { type Event, EventType } from '../store/messages.js';
import type { KeyRange } from './key-range.js';
import type { Change } from './key-record.js';
import type { KeySpace } from './key-space.js';
import { type WatchTarget, wantedKinds, watchRange } from './watch-request.js';

/** Whoever is told. Neither method may throw. */
export interface WatchSink {
  /** All that matches of one or more whole revisions, in order; `revision` is the store's at that moment. */
  onEvents(events: readonly Event[], revision: bigint): void;
  /** What should come next is compacted away; nothing more will be told. */
  onCompacted(compactRevision: bigint): void;
}

/**
 * `paused`: told nothing until resumed. `catchingUp`: being told what history holds from `nextRevision` on.
 * `live`: told each new revision as it comes. `ended`: told nothing any more.
 */
export type WatcherState = 'paused' | 'catchingUp' | 'live' | 'ended';

/** One watch: what it wants and how far it has come. Its hub does the work. */
export class Watcher {
  readonly range: KeyRange;
  readonly sink: WatchSink;
  readonly #puts: boolean;
  readonly #deletes: boolean;
  readonly #prevKv: boolean;
  /** Nothing before it is told any more. May be far in the past of a live watcher: what it does not want counts not. */
  nextRevision: bigint;
  state: WatcherState = 'paused';

  /** Throws for a request that etcd refuses. */
  constructor(target: WatchTarget, currentRevision: bigint, sink: WatchSink) {
    this.range = watchRange(target);
    const { puts, deletes } = wantedKinds(target);
    this.#puts = puts;
    this.#deletes = deletes;
    this.#prevKv = target.prevKv ?? false;
    const start = target.startRevision ?? 0n;
    this.nextRevision = start === 0n ? currentRevision + 1n : start;
    this.sink = sink;
  }

  /** The event to tell, or undefined if this watch does not want it. The range has been looked at. */
  eventOf(change: SharedChange): Event | undefined {
    if (change.deleted ? !this.#deletes : !this.#puts) return undefined;
    return this.#prevKv ? change.eventWithPrevKv : change.event;
  }
}

/** One change on its way to many watchers, which share its event objects. */
export class SharedChange {
  readonly #space: KeySpace;
  readonly #change: Change;
  #event: Event | undefined;
  #eventWithPrevKv: Event | undefined;

  constructor(space: KeySpace, change: Change) {
    this.#space = space;
    this.#change = change;
  }

  get text(): string {
    return this.#change.text;
  }

  get deleted(): boolean {
    return this.#change.deleted;
  }

  get event(): Event {
    const { deleted, kv } = this.#change;
    this.#event ??= { type: deleted ? EventType.delete : EventType.put, kv, prevKv: undefined };
    return this.#event;
  }

  get eventWithPrevKv(): Event {
    if (this.#eventWithPrevKv === undefined) {
      const prevKv = this.#prevKv();
      this.#eventWithPrevKv = prevKv === undefined ? this.event : { ...this.event, prevKv };
    }
    return this.#eventWithPrevKv;
  }

  /** What the key had before this revision; not for a creation, nor where compaction has taken it. */
  #prevKv(): Event['prevKv'] {
    const { text, kv, deleted } = this.#change;
    const before = kv.modRevision - 1n;
    if (!deleted && kv.createRevision === kv.modRevision) return undefined;
    return before < this.#space.compactRevision ? undefined : this.#space.getAt(text, before);
  }
}
