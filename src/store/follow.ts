import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { Event, KeyValue } from './messages.js';
import { untilAnswered } from './repeat.js';
import type { Store, WatchLane } from './store.js';

export interface FollowSpec {
  readonly key: Bytes;
  readonly rangeEnd?: Bytes | undefined;
  readonly lane?: WatchLane | undefined;
}

/** What is told of a followed range: a whole state first, then its changes; after a gap a whole state again. */
export interface FollowListener {
  /** The range as of `revision`, at the start and whenever history was compacted before it could be told. */
  onSnapshot(kvs: readonly KeyValue[], revision: bigint): void;
  /** The changes of one or more whole revisions after what was told last. */
  onEvents(events: readonly Event[], revision: bigint): void;
  /** For good: the store refuses, or was closed. */
  onEnd(error: ConclaveError): void;
}

/**
 * Follows a range for ever: the watch is created before the list that it continues, so that nothing falls between the two
 * and the watch starts in etcd's fast group (DESIGN.md section 3, rule 12). The function returned ends it.
 */
export function follow(
  store: Store,
  runtime: Runtime,
  spec: FollowSpec,
  listener: FollowListener,
): () => void {
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
  let early: Event[] | undefined = [];
  const round = new AbortController();
  const finish = () => {
    signal.removeEventListener('abort', finish);
    round.abort(signal.reason);
    cancel();
  };
  const fail = (error: ConclaveError) => {
    if (round.signal.aborted) return;
    finish();
    if (error.code === 'COMPACTED') again();
    else listener.onEnd(error);
  };
  const list = async () => {
    const request = { key: spec.key, rangeEnd: spec.rangeEnd };
    const state = await untilAnswered(runtime, round.signal, () => store.range(request));
    if (round.signal.aborted) return;
    listener.onSnapshot(state.kvs, state.header.revision);
    const missed = (early ?? []).filter((event) => event.kv.modRevision > state.header.revision);
    early = undefined;
    const last = missed.at(-1);
    if (last !== undefined) listener.onEvents(missed, last.kv.modRevision);
  };
  const cancel = store.watch(spec, {
    onCreated: () => void list().catch((error: unknown) => fail(ConclaveError.from(error))),
    onEvents: (events, revision) => {
      if (early === undefined) listener.onEvents(events, revision);
      else early.push(...events);
    },
    onEnd: fail,
  });
  signal.addEventListener('abort', finish, { once: true });
}
