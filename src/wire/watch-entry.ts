import type { ConclaveError } from '../core/errors.js';
import type { Event, WatchCreateRequest, WatchResponse } from '../store/messages.js';
import type { WatchListener, WatchSpec } from '../store/store.js';

/** One watch: what its listener has been told, and so from where it goes on over another stream. */
export class WatchEntry {
  readonly #spec: WatchSpec;
  readonly #listener: WatchListener;
  /** The first revision that has not been told; 0 before the server has the watch: whatever comes next. */
  #nextRevision: bigint;
  #created = false;
  #ended = false;
  /** Events of a response that the server sends in parts. */
  #parts: readonly Event[] = noEvents;

  constructor(spec: WatchSpec, listener: WatchListener) {
    this.#spec = spec;
    this.#listener = listener;
    this.#nextRevision = spec.startRevision ?? 0n;
  }

  /** Asks for what has not been told yet. Parts of a response that the stream before did not finish are dropped. */
  request(): WatchCreateRequest {
    this.#parts = noEvents;
    const { key, rangeEnd, progressNotify, filters, prevKv } = this.#spec;
    return { key, rangeEnd, startRevision: this.#nextRevision, progressNotify, filters, prevKv };
  }

  created(revision: bigint): void {
    if (this.#ended || this.#created) return;
    this.#created = true;
    // With a start revision the header says nothing about what has been told.
    if (this.#nextRevision === 0n) this.#nextRevision = revision + 1n;
    this.#listener.onCreated?.(revision);
  }

  /** A response with events, or without: then everything up to its revision has been told. */
  response(response: WatchResponse): void {
    if (this.#ended) return;
    const untold = this.#untold(response.events);
    const events = this.#parts.length === 0 ? untold : [...this.#parts, ...untold];
    this.#parts = response.fragment ? events : noEvents;
    if (response.fragment) return;
    const last = events.at(-1);
    if (last !== undefined) {
      this.#nextRevision = last.kv.modRevision + 1n;
      this.#listener.onEvents(events, response.header.revision);
    } else if (response.events.length === 0) this.progress(response.header.revision);
  }

  progress(revision: bigint): void {
    if (this.#ended || !this.#created) return;
    if (revision >= this.#nextRevision) this.#nextRevision = revision + 1n;
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

  /**
   * etcd has repeated events after a resume (#15274), and a batch may begin before a start revision in the future. A
   * response is in the order of revisions: where the first is new, all are.
   */
  #untold(events: readonly Event[]): readonly Event[] {
    const [first] = events;
    if (first === undefined || first.kv.modRevision >= this.#nextRevision) return events;
    return events.filter(({ kv }) => kv.modRevision >= this.#nextRevision);
  }
}

const noEvents: readonly Event[] = [];
