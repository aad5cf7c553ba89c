import type { AnySignal } from '../core/abort.js';
import { latin1, sameBytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import { CatchUp } from './catch-up.js';
import { eventsAfter } from './events-after.js';
import { type FollowSpec, follow } from './follow.js';
import { keepKeyValue } from './keep.js';
import { type Event, EventType, type KeyValue } from './messages.js';
import { type CountQuestion, MirrorChecks } from './mirror-checks.js';
import type { Store } from './store.js';

/** What one revision did to one key. Absent `before`: the key is new; absent `after`: it is gone. */
export interface KeyChange {
  /** One char per byte. */
  readonly key: string;
  readonly before: KeyValue | undefined;
  readonly after: KeyValue | undefined;
}

/** One step of a mirror from a state that existed to a later one. */
export interface MirrorChange {
  /** The revision of the state after it. */
  readonly revision: bigint;
  /** In key order for a state as a whole, else in the order of the txn. Empty only for the first state. */
  readonly keys: readonly KeyChange[];
  /** The events were missed (compaction, or a lost DELETE): all that differs, in one step. */
  readonly resync: boolean;
}

export interface MirrorListener {
  /** The first call brings the first state. */
  onChange(change: MirrorChange): void;
  /** For good: the store was closed, or refuses the first state. */
  onEnd(error: ConclaveError): void;
}

/** How long after a refusal it is asked again, in milliseconds. */
const refusedPauseMs = 5_000;

/**
 * A range of the store in memory, whole revisions at a time: never a mix of two, never back. Costs one read and one
 * watch, and a count every 5 s, in one request with those of others. That count tells that the store can be heard, and
 * of a DELETE event that was lost around compaction (etcd #18089, #19179), which a watch alone would never make good.
 * What is shown may be behind the store; `catchUp` brings it to the present.
 *
 * Once it has shown something it stays, though the store refuses: rights and tokens that were taken away by mistake
 * come back, and whoever looks is told meanwhile that nothing is heard.
 */
export class Mirror {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #spec: FollowSpec;
  readonly #listener: MirrorListener;
  #items = new Map<string, KeyValue>();
  #revision = 0n;
  #told = 0n;
  /** Who waits to hear the store, each once. */
  readonly #listening = new Set<() => void>();
  readonly #catchUp: CatchUp;
  #heardAtMs: number;
  /** The mirror's revision when the store, asked for now, counted otherwise. */
  #doubt: bigint | undefined;
  #stopFollowing: () => void = () => {};
  /** Whether changes of what is shown are told now. */
  #isFollowing = false;
  #asked: Asked | undefined;
  readonly #checks: MirrorChecks;
  #stopChecks: () => void = () => {};
  #stopped = false;

  /** `checks`: shared with the other mirrors of the process. */
  constructor(
    store: Store,
    runtime: Runtime,
    spec: FollowSpec,
    listener: MirrorListener,
    checks = new MirrorChecks(store, runtime),
  ) {
    this.#checks = checks;
    this.#store = store;
    this.#runtime = runtime;
    this.#spec = spec;
    this.#listener = listener;
    this.#heardAtMs = runtime.monotonicMs();
    this.#catchUp = new CatchUp(store, runtime, spec, this);
  }

  /** Begins; the function returned ends it. */
  start(): () => void {
    this.#heardAtMs = this.#runtime.monotonicMs();
    this.#stopChecks = this.#checks.add({
      question: () => this.#question(),
      answered: (count) => this.#answered(count),
    });
    this.#follow();
    return () => {
      this.#stopFollowing();
      this.#over(new ConclaveError('CLOSED', 'the mirror was closed'));
    };
  }

  /** By key, one char per byte. */
  get items(): ReadonlyMap<string, KeyValue> {
    return this.#items;
  }

  /** The revision of the last change; 0n: no state is known yet. */
  get revision(): bigint {
    return this.#revision;
  }

  /** What is shown is the state as of this revision, of the last change or later; 0n: no state is known yet. */
  get told(): bigint {
    return this.#told;
  }

  get size(): number {
    return this.#items.size;
  }

  /** Milliseconds since the store was last heard: what is shown may be that old. */
  get silentMs(): number {
    return this.#runtime.monotonicMs() - this.#heardAtMs;
  }

  /** Calls `fn` when the store answers next, or tells something; the function returned takes the call back. */
  onceHeard(fn: () => void): () => void {
    this.#listening.add(fn);
    return () => this.#listening.delete(fn);
  }

  /** What had been done so many milliseconds ago is shown, for sure: it was read, or listed. */
  get provenMs(): number {
    return this.#catchUp.provenMs;
  }

  /**
   * Resolves when everything is shown that was done before the call, or up to `revision`. Rejects with what the store
   * refuses, or how the mirror ended.
   */
  catchUp(revision?: bigint, signal?: AnySignal): Promise<void> {
    return revision === undefined ? this.#catchUp.toNow() : this.#catchUp.to(revision, signal);
  }

  /** @internal For `CatchUp`: nothing of up to `revision` is missing, so that no event of before it is to be shown. */
  settled(revision: bigint): void {
    this.#told = revision;
  }

  #follow(): void {
    this.#doubt = undefined;
    this.#isFollowing = false;
    const sentAt = this.#runtime.clocks();
    this.#stopFollowing = follow(this.#store, this.#runtime, this.#spec, {
      onSnapshot: (kvs, revision) => {
        this.#isFollowing = true;
        this.#catchUp.proven(sentAt);
        this.#replace(kvs, revision);
      },
      onEvents: (events) => this.#apply(eventsAfter(events, this.#told)),
      onProgress: (revision) => {
        this.#heard();
        this.#moved(revision);
      },
      onEnd: (error) => this.#refused(error),
    });
  }

  #refused(error: ConclaveError): void {
    if (this.#revision !== 0n && error.code !== 'CLOSED') {
      this.#isFollowing = false;
      this.#stopFollowing = this.#runtime.setTimer(refusedPauseMs, () => this.#follow());
      return;
    }
    this.#over(error);
    this.#listener.onEnd(error);
  }

  #replace(kvs: readonly KeyValue[], revision: bigint): void {
    this.#heard();
    const before = this.#items;
    const first = this.#revision === 0n;
    this.#items = new Map();
    for (const kv of kvs) this.#items.set(latin1(kv.key), kv);
    this.#revision = revision;
    const keys = differences(before, this.#items);
    this.#told = revision;
    if (first || keys.length > 0) this.#listener.onChange({ revision, keys, resync: !first });
    this.#catchUp.moved();
  }

  #apply(events: readonly Event[]): void {
    this.#heard();
    let keys: KeyChange[] = [];
    for (let i = 0; i < events.length; i++) {
      const { type, kv } = events[i] as Event;
      const key = latin1(kv.key);
      const before = this.#items.get(key);
      const after = type === EventType.delete ? undefined : keepKeyValue(kv);
      if (after === undefined) this.#items.delete(key);
      else this.#items.set(key, after);
      if (before !== undefined || after !== undefined) keys.push({ key, before, after });
      if (this.#stopped) return;
      if (events[i + 1]?.kv.modRevision === kv.modRevision) continue;
      this.#revision = kv.modRevision;
      this.#told = kv.modRevision;
      if (keys.length > 0) this.#listener.onChange({ revision: kv.modRevision, keys, resync: false });
      keys = [];
    }
    this.#catchUp.moved();
  }

  #moved(revision: bigint): void {
    if (revision > this.#told) this.#told = revision;
    this.#catchUp.moved();
  }

  #over(error: ConclaveError): void {
    this.#stopped = true;
    this.#stopChecks();
    this.#catchUp.end(error);
  }

  #heard(): void {
    this.#heardAtMs = this.#runtime.monotonicMs();
    for (const fn of this.#listening) {
      this.#listening.delete(fn);
      fn();
    }
  }

  #question(): CountQuestion | undefined {
    const [doubt, revision] = [this.#doubt, this.#revision];
    if (!this.#isFollowing) return undefined;
    if (doubt === revision) {
      this.listAgain();
      return undefined;
    }
    this.#asked = { revision, size: this.#items.size, again: doubt !== undefined, following: this.#stopFollowing };
    const { key, rangeEnd } = this.#spec;
    return { key, rangeEnd, revision: this.#asked.again ? revision : undefined };
  }

  /**
   * A count of now may be ahead of events that are on their way, so that a difference is only a doubt. Those events
   * have come by the next check, or never will; if they have, a count as of the mirror's own revision is exact.
   */
  #answered(count: bigint | 'gone'): void {
    const asked = this.#asked;
    if (this.#stopped || asked === undefined || asked.following !== this.#stopFollowing) return;
    if (count !== 'gone') this.#heard();
    if (count === 'gone' || (asked.again && count !== BigInt(asked.size))) this.listAgain();
    else this.#doubt = !asked.again && count !== BigInt(this.#items.size) ? this.#revision : undefined;
  }

  /** @internal For `CatchUp`. */
  listAgain(): void {
    if (this.#stopped) return;
    this.#stopFollowing();
    this.#follow();
  }
}

/** What the mirror showed when it asked. */
interface Asked {
  readonly revision: bigint;
  readonly size: number;
  /** As of its own revision, since a count of now was another. */
  readonly again: boolean;
  readonly following: () => void;
}

function differences(before: ReadonlyMap<string, KeyValue>, after: ReadonlyMap<string, KeyValue>): KeyChange[] {
  const found: KeyChange[] = [];
  for (const [key, kv] of after) {
    const old = before.get(key);
    if (old === undefined || !isSame(old, kv)) found.push({ key, before: old, after: kv });
  }
  for (const [key, kv] of before) {
    if (!after.has(key)) found.push({ key, before: kv, after: undefined });
  }
  return found;
}

/** A store that was made anew counts its revisions anew. */
function isSame(a: KeyValue, b: KeyValue): boolean {
  return a.modRevision === b.modRevision && a.createRevision === b.createRevision && sameBytes(a.value, b.value);
}
