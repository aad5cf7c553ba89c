import type { Event } from '../store/messages.js';
import { inRange } from './key-range.js';
import type { Revision } from './key-record.js';
import type { KeySpace } from './key-space.js';
import { eventBytes } from './watch-fragments.js';
import type { WatchTarget } from './watch-request.js';
import { SharedChange, Watcher, type WatchSink } from './watcher.js';
import { WatcherIndex } from './watcher-index.js';

/** What whoever made a watch holds. All methods are idempotent. */
export interface WatchHandle {
  /** The last revision that the watch does not hear of if it asked to start now. */
  readonly createdAt: bigint;
  /** Whether everything up to the hub's revision has been told and the asked start is not still to come. */
  synced(): boolean;
  /** Starts telling: first what happened since the start revision, then what happens. A new watch is paused. */
  resume(): void;
  /** Stops telling and forgets nothing: `resume` goes on where it stopped, or tells that this is compacted away. */
  pause(): void;
  /** Ends it: nothing is told any more, not even what is being told at this moment. */
  cancel(): void;
}

/** Distinct revisions in one answer to a watch that catches up, as in etcd. */
const maxBatchRevisions = 1_000;
/**
 * An answer that has so many bytes takes no further revision: it is held whole until it is read, and many clients take
 * no message above 4 MiB.
 */
const maxBatchBytes = 1024 * 1024;

/**
 * Tells watchers what was committed: each revision whole, in order, without gap or repetition, as protocol.md section 2
 * has it. Sinks may call back into hub and engine: what that commits is told after what is being told now.
 */
export class WatchHub {
  readonly #space: KeySpace;
  readonly #watchers = new Set<Watcher>();
  readonly #index = new WatcherIndex<Watcher>();
  #pending: Revision[] = [];
  #revision: bigint;
  #telling = false;

  constructor(space: KeySpace) {
    this.#space = space;
    this.#revision = space.revision;
  }

  /** The last released revision: for watchers, the present. */
  get revision(): bigint {
    return this.#revision;
  }

  /** Everything up to this revision has been told to every watcher that is synced. */
  get toldRevision(): bigint {
    return this.#telling ? this.#revision - 1n : this.#revision;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Throws for a request that etcd refuses. Nothing is told before `resume`. */
  watch(target: WatchTarget, sink: WatchSink): WatchHandle {
    const createdAt = this.#revision;
    const watcher = new Watcher(target, createdAt, sink);
    this.#watchers.add(watcher);
    this.#index.add(watcher);
    return {
      createdAt,
      synced: () => watcher.state === 'live' && watcher.nextRevision <= this.#revision + 1n,
      resume: () => this.#resume(watcher),
      pause: () => this.#pause(watcher),
      cancel: () => this.#end(watcher),
    };
  }

  /** Takes a committed revision; it is told with the next `release`. */
  add(revision: Revision): void {
    this.#pending.push(revision);
  }

  /** Tells what was added, up to `revision` (default: all of it). */
  release(revision?: bigint): void {
    if (this.#telling) return;
    this.#telling = true;
    let done = 0;
    try {
      // Bounded by the revisions added, those that sinks cause on the way included.
      for (let next = this.#pending[done]; next !== undefined; next = this.#pending[done]) {
        if (revision !== undefined && next.revision > revision) break;
        done++;
        this.#revision = next.revision;
        if (this.#watchers.size > 0) this.#tell(next);
      }
    } finally {
      this.#pending.splice(0, done);
      this.#telling = false;
    }
  }

  /** Takes the store as it is for the present, untold. Only while there are no watchers. */
  skip(): void {
    this.#pending = [];
    this.#revision = this.#space.revision;
  }

  /** Ends every watch without a word. */
  close(): void {
    for (const watcher of this.#watchers) this.#end(watcher);
    this.#pending = [];
  }

  #tell({ revision, changes }: Revision): void {
    const told = new Map<Watcher, Event[]>();
    for (const change of changes) {
      const shared = new SharedChange(this.#space, change);
      this.#index.match(change.text, (watcher) => {
        if (!isDue(watcher, revision)) return;
        const event = watcher.eventOf(shared);
        if (event === undefined) return;
        const events = told.get(watcher);
        if (events === undefined) told.set(watcher, [event]);
        else events.push(event);
      });
    }
    for (const [watcher, events] of told) {
      // A sink before this one may have paused or ended it, or have made it catch up with this revision.
      if (!isDue(watcher, revision)) continue;
      watcher.nextRevision = revision + 1n;
      watcher.sink.onEvents(events, revision);
    }
  }

  #resume(watcher: Watcher): void {
    if (watcher.state !== 'paused') return;
    watcher.state = 'catchingUp';
    // Bounded by the revisions of the log: each turn moves the watcher on, or ends the state.
    while (watcher.state === 'catchingUp') {
      if (watcher.nextRevision > this.#revision) {
        watcher.state = 'live';
      } else if (watcher.nextRevision < this.#space.compactRevision) {
        this.#end(watcher);
        watcher.sink.onCompacted(this.#space.compactRevision);
      } else {
        this.#tellBatch(watcher);
      }
    }
  }

  #tellBatch(watcher: Watcher): void {
    const events: Event[] = [];
    let revisions = 0;
    let bytes = 0;
    let misses = 0;
    const keys = this.#space.knownIn(watcher.range);
    const upTo = this.#revision;
    // Bounded by the revisions of the log.
    while (watcher.nextRevision <= upTo && revisions < maxBatchRevisions && bytes < maxBatchBytes) {
      const found = this.#eventsOf(watcher, watcher.nextRevision);
      watcher.nextRevision++;
      misses = found === undefined ? misses + 1 : 0;
      if (found !== undefined && found.length > 0) revisions++;
      for (const event of found ?? []) {
        events.push(event);
        bytes += eventBytes(event);
      }
      // What has cost as many looks as there are keys is looked up by the keys: a quiet watch must not pay for others.
      if (misses <= keys) continue;
      misses = 0;
      const next = this.#space.changedSince(watcher.range, watcher.nextRevision);
      watcher.nextRevision = next === undefined || next > upTo ? upTo + 1n : next;
    }
    if (events.length > 0) watcher.sink.onEvents(events, upTo);
  }

  /** What the watcher wants of a committed revision; undefined if that changed nothing in its range. */
  #eventsOf(watcher: Watcher, revision: bigint): Event[] | undefined {
    let events: Event[] | undefined;
    for (const change of this.#space.changesOf(revision)?.changes ?? []) {
      if (!inRange(watcher.range, change.text)) continue;
      events ??= [];
      const event = watcher.eventOf(new SharedChange(this.#space, change));
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #pause(watcher: Watcher): void {
    if (watcher.state === 'live') {
      const next = this.toldRevision + 1n;
      if (watcher.nextRevision < next) watcher.nextRevision = next;
    }
    if (watcher.state !== 'ended') watcher.state = 'paused';
  }

  #end(watcher: Watcher): void {
    watcher.state = 'ended';
    this.#watchers.delete(watcher);
    this.#index.delete(watcher);
  }
}

function isDue(watcher: Watcher, revision: bigint): boolean {
  return watcher.state === 'live' && watcher.nextRevision <= revision;
}
