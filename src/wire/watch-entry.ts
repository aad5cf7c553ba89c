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
  #parts: Event[] = [];

  constructor(spec: WatchSpec, listener: WatchListener) {
    this.#spec = spec;
    this.#listener = listener;
    this.#nextRevision = spec.startRevision ?? 0n;
  }

  /** Asks for what has not been told yet. Parts of a response that the stream before did not finish are dropped. */
  request(): WatchCreateRequest {
    this.#parts = [];
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
    // etcd has repeated events after a resume (#15274), and a batch may begin before a start revision in the future.
    for (const event of response.events) if (event.kv.modRevision >= this.#nextRevision) this.#parts.push(event);
    if (response.fragment) return;
    const events = this.#parts;
    this.#parts = [];
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
    this.#parts = [];
    return stopped;
  }
}
