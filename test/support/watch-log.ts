import { type Deferred, deferred } from '../../src/core/deferred.js';
import { ConclaveError } from '../../src/core/errors.js';
import type { Event } from '../../src/store/messages.js';
import type { Store, WatchListener, WatchSpec } from '../../src/store/store.js';

/** Writes down what a watch tells, and lets a test wait for it. Give it to `store.watch`, or call `watchLog`. */
export class WatchLog implements WatchListener {
  readonly created: Promise<bigint>;
  readonly ended: Promise<ConclaveError>;
  /** Every event so far. */
  readonly events: Event[] = [];
  /** Every call of `onEvents` so far. */
  readonly batches: (readonly Event[])[] = [];
  /** How often `onCreated` was called. */
  createdCalls = 0;
  readonly #created: Deferred<bigint> = deferred<bigint>();
  readonly #ended: Deferred<ConclaveError> = deferred<ConclaveError>();
  #waiting: { readonly count: number; readonly events: Deferred<Event[]> }[] = [];

  constructor() {
    this.created = this.#created.promise;
    this.ended = this.#ended.promise;
    // A test that waits for one of them only must not fail by the other.
    this.created.catch(() => {});
  }

  /** Resolves with the first `count` events, once they are there; rejects if the watch ends before. */
  first(count: number): Promise<Event[]> {
    if (this.events.length >= count) return Promise.resolve(this.events.slice(0, count));
    const events = deferred<Event[]>();
    this.#waiting.push({ count, events });
    return events.promise;
  }

  onCreated(revision: bigint): void {
    this.createdCalls += 1;
    this.#created.resolve(revision);
  }

  onEvents(events: readonly Event[]): void {
    this.batches.push(events);
    this.events.push(...events);
    const ready = this.#waiting.filter(({ count }) => count <= this.events.length);
    this.#waiting = this.#waiting.filter(({ count }) => count > this.events.length);
    for (const { count, events } of ready) events.resolve(this.events.slice(0, count));
  }

  onEnd(error: ConclaveError): void {
    this.#ended.resolve(error);
    const failure = new ConclaveError(error.code, `the watch ended early: ${error.message}`, { cause: error });
    this.#created.reject(failure);
    for (const { events } of this.#waiting.splice(0)) events.reject(failure);
  }
}

/** Starts a watch that is written down. */
export function watchLog(store: Store, spec: WatchSpec): WatchLog & { cancel(): void } {
  const log = new WatchLog();
  return Object.assign(log, { cancel: store.watch(spec, log) });
}
