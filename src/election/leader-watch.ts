import { type Bytes, latin1, prefixEnd, sameBytes } from '../core/bytes.js';
import type { ConclaveError } from '../core/errors.js';
import { type Share, Shared } from '../core/shared.js';
import type { SessionContext } from '../lease/session.js';
import type { Place } from '../line/place.js';
import { type FollowListener, follow } from '../store/follow.js';
import { Roll } from './roll.js';
import { checkForStale } from './stale-check.js';

/** Who leads as of `revision`. */
export interface LeaderSeen {
  /** Null: nobody. */
  readonly place: Place | null;
  readonly revision: bigint;
}

export interface LeaderListener {
  /** Another leader, another value, or the same value proclaimed again. */
  onSeen(seen: LeaderSeen): void;
  onEnd(error: ConclaveError): void;
}

/** Who leads one election, from one read on, by one watch. */
export class LeaderWatch {
  readonly #context: SessionContext;
  readonly #prefix: Bytes;
  readonly #listener: LeaderListener;
  #roll: Roll;
  #seen: LeaderSeen | undefined;

  constructor(context: SessionContext, prefix: Bytes, listener: LeaderListener) {
    this.#context = context;
    this.#prefix = prefix;
    this.#listener = listener;
    this.#roll = new Roll(prefix, []);
  }

  /** The last that was told; undefined: nothing is known yet. */
  get seen(): LeaderSeen | undefined {
    return this.#seen;
  }

  /** The function returned ends it. */
  start(): () => void {
    const { store, runtime } = this.#context;
    let stopFollowing = this.#follow();
    const stale = () => {
      stopFollowing();
      stopFollowing = this.#follow();
    };
    const stopChecking = checkForStale(store, runtime, { leader: () => this.#roll.leader, stale });
    return () => {
      stopChecking();
      stopFollowing();
    };
  }

  #follow(): () => void {
    const { store, runtime } = this.#context;
    const listener: FollowListener = {
      onSnapshot: (kvs, revision) => {
        this.#roll = new Roll(this.#prefix, kvs);
        this.#tell(revision);
      },
      onEvents: (events) => {
        events.forEach((event, i) => {
          const revision = event.kv.modRevision;
          this.#roll.apply(event);
          // What one txn changed is one change: a leader that goes and one that comes in it leave no moment between.
          if (events[i + 1]?.kv.modRevision !== revision) this.#tell(revision);
        });
      },
      onEnd: (error) => this.#listener.onEnd(error),
    };
    return follow(store, runtime, { key: this.#prefix, rangeEnd: prefixEnd(this.#prefix) }, listener);
  }

  #tell(revision: bigint): void {
    const place = this.#roll.leader ?? null;
    if (this.#seen !== undefined && samePlace(this.#seen.place, place)) return;
    this.#seen = { place, revision };
    this.#listener.onSeen(this.#seen);
  }
}

/** The observers of a connection: one watch for each election, however many look. */
export class Observers {
  readonly #context: SessionContext;
  readonly #watches = new Shared<LeaderWatch, LeaderListener>();

  constructor(context: SessionContext) {
    this.#context = context;
  }

  /** Who comes later is not told what was told before: it reads `seen`. */
  subscribe(prefix: Bytes, listener: LeaderListener): Share<LeaderWatch> {
    return this.#watches.subscribe(
      latin1(prefix),
      (hub) =>
        new LeaderWatch(this.#context, prefix, {
          onSeen: (seen) => hub.tell((each) => each.onSeen(seen)),
          onEnd: (error) => hub.end(error),
        }),
      listener,
    );
  }
}

/** A mod revision belongs to one txn, which writes a key once; in a store that was made anew it comes again. */
export function samePlace(a: Place | null, b: Place | null): boolean {
  if (a === null || b === null) return a === b;
  return a.modRevision === b.modRevision && a.createRevision === b.createRevision && sameBytes(a.key, b.key);
}
