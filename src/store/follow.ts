import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import { eventsAfter } from './events-after.js';
import type { Event, KeyValue } from './messages.js';
import { untilAnswered } from './repeat.js';
import type { Store, WatchLane } from './store.js';

export interface FollowSpec {
  readonly key: Bytes;
  readonly rangeEnd?: Bytes | undefined;
  /** What changes are told of, as in a watch; a whole state has all keys. */
  readonly filters?: readonly number[] | undefined;
  readonly lane?: WatchLane | undefined;
}

/** What is told of a followed range: a whole state first, then its changes; after a gap a whole state again. */
export interface FollowListener {
  /** The range as of `revision`, at the start and whenever history was compacted before it could be told. */
  onSnapshot(kvs: readonly KeyValue[], revision: bigint): void;
  /** The changes of one or more whole revisions after what was told last. */
  onEvents(events: readonly Event[], revision: bigint): void;
  /** Everything up to `revision` has been told. */
  onProgress?(revision: bigint): void;
  /** For good: the store refuses, or was closed. */
  onEnd(error: ConclaveError): void;
}

/**
 * Follows a range for ever: the watch is created before the list that it continues, so that nothing falls between the
 * two and the watch starts in etcd's fast group (DESIGN.md section 3, rule 12). The function returned ends it.
 */
export function follow(store: Store, runtime: Runtime, spec: FollowSpec, listener: FollowListener): () => void {
  const ended = new AbortController();
  const start = () => {
    if (!ended.signal.aborted) followOnce(store, runtime, spec, listener, ended.signal, start);
  };
  start();
  return () => ended.abort(new ConclaveError('CLOSED', 'the follower was closed'));
}

/** One watch and the list it continues; calls `again` when history was compacted under it. */
function followOnce(
  store: Store,
  runtime: Runtime,
  spec: FollowSpec,
  listener: FollowListener,
  signal: AbortSignal,
  again: () => void,
): void {
  /** Events from before the list came; undefined afterwards. */
  let early: Event[] | undefined = [];
  let listed = 0n;
  const round = new AbortController();
  /** As `round` says, which takes longer to ask. */
  let over = false;
  const finish = () => {
    over = true;
    signal.removeEventListener('abort', finish);
    round.abort(signal.reason);
    cancel();
  };
  const fail = (error: ConclaveError) => {
    if (over) return;
    finish();
    if (error.code === 'COMPACTED') again();
    else listener.onEnd(error);
  };
  const list = async () => {
    const request = { key: spec.key, rangeEnd: spec.rangeEnd };
    const state = await untilAnswered(runtime, round.signal, () => store.range(request));
    if (over) return;
    const waiting = early ?? [];
    early = undefined;
    listed = state.header.revision;
    listener.onSnapshot(state.kvs, listed);
    tell(waiting, waiting.at(-1)?.kv.modRevision ?? listed);
  };
  /** The list may overtake events that it has in it already: they travel on different streams. */
  const tell = (events: readonly Event[], revision: bigint) => {
    const fresh = eventsAfter(events, listed);
    if (fresh.length > 0 && !over) listener.onEvents(fresh, revision);
  };
  const cancel = store.watch(spec, {
    onCreated: () => void list().catch((error: unknown) => fail(ConclaveError.from(error))),
    onEvents: (events, revision) => {
      if (early === undefined) tell(events, revision);
      else for (const event of events) early.push(event);
    },
    // Of before the list it says less than the list does.
    onProgress: (revision) => {
      if (early === undefined && revision > listed && !over) listener.onProgress?.(revision);
    },
    onEnd: fail,
  });
  signal.addEventListener('abort', finish, { once: true });
}
