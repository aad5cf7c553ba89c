import type { Bytes } from '../core/bytes.js';
import type { ConclaveError } from '../core/errors.js';
import { eventsAfter } from '../store/events-after.js';
import type { Event, WatchCreateRequest, WatchResponse } from '../store/messages.js';
import type { WatchListener, WatchSpec } from '../store/store.js';

/** One watch: what its listener has been told, and so from where it goes on over another stream. */
export class WatchEntry {
  readonly #spec: WatchSpec;
  readonly #listener: WatchListener;
  /** Everything up to this revision has been told; -1 before the server has the watch: whatever comes next is new. */
  #told: bigint;
  /** The newest revision that a server has named to it. */
  #seen: bigint;
  #created = false;
  #ended = false;
  /** Events of a response that the server sends in parts. */
  #parts: readonly Event[] = noEvents;

  constructor(spec: WatchSpec, listener: WatchListener) {
    this.#spec = spec;
    this.#listener = listener;
    this.#told = (spec.startRevision ?? 0n) - 1n;
    this.#seen = spec.seenRevision ?? 0n;
  }

  /** Asks for what has not been told yet. Parts of a response that the stream before did not finish are dropped. */
  request(): WatchCreateRequest {
    this.#parts = noEvents;
    const { key, rangeEnd, progressNotify, filters, prevKv } = this.#spec;
    return { key, rangeEnd, startRevision: this.#told + 1n, progressNotify, filters, prevKv };
  }

  get key(): Bytes {
    return this.#spec.key;
  }

  /** Whether it has heard of a store that was further than `revision`. */
  isPast(revision: bigint): boolean {
    return this.#seen > revision;
  }

  created(revision: bigint): void {
    if (this.#ended || this.#created) return;
    this.#created = true;
    if (revision > this.#seen) this.#seen = revision;
    // With a start revision the header says nothing about what has been told.
    if (this.#told === -1n) this.#told = revision;
    this.#listener.onCreated?.(revision);
  }

  /** A response with events, or without: then everything up to its revision has been told. */
  response(response: WatchResponse): void {
    if (this.#ended) return;
    if (response.header.revision > this.#seen) this.#seen = response.header.revision;
    // etcd has repeated events after a resume (#15274), and a batch may begin before a start revision in the future.
    const untold = eventsAfter(response.events, this.#told);
    const events = this.#parts.length === 0 ? untold : [...this.#parts, ...untold];
    this.#parts = response.fragment ? events : noEvents;
    if (response.fragment) return;
    const last = events.at(-1);
    if (last !== undefined) {
      this.#told = last.kv.modRevision;
      this.#listener.onEvents(events, response.header.revision);
    } else if (response.events.length === 0) this.progress(response.header.revision);
  }

  progress(revision: bigint): void {
    if (this.#ended || !this.#created) return;
    if (revision > this.#seen) this.#seen = revision;
    if (revision > this.#told) this.#told = revision;
    this.#listener.onProgress?.(revision);
  }

  end(error: ConclaveError): void {
    if (this.stop()) this.#listener.onEnd(error);
  }

  /** From now on nothing is told. False if that was so already. */
  stop(): boolean {
    const stopped = !this.#ended;
    this.#ended = true;
    this.#parts = noEvents;
    return stopped;
  }
}

const noEvents: readonly Event[] = [];
