import { Http2Error } from './http2-error.js';
import { Code, largestStreamId } from './protocol.js';
import type { Stream } from './stream.js';

/** Numbers of streams that we have reset are kept so long: far more than can be under way from a peer that obeys. */
const keptResets = 1_024;

/** The streams of a connection by number, and which numbers have been used (RFC 9113, 5.1.1). */
export class StreamTable {
  readonly #role: 'client' | 'server';
  readonly #open = new Map<number, Stream>();
  /** Of streams that we have reset: what is still on its way is let pass. */
  readonly #reset = new Set<number>();
  #nextId = 1;
  /** The highest that the peer has opened. */
  #peerId = 0;

  constructor(role: 'client' | 'server') {
    this.#role = role;
  }

  get size(): number {
    return this.#open.size;
  }

  get peerId(): number {
    return this.#peerId;
  }

  get hasNextId(): boolean {
    return this.#nextId <= largestStreamId;
  }

  nextId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  all(): Iterable<Stream> {
    return this.#open.values();
  }

  add(stream: Stream): void {
    this.#open.set(stream.id, stream);
  }

  delete(stream: Stream): void {
    this.#open.delete(stream.id);
  }

  addReset({ id }: Stream): void {
    this.#reset.add(id);
    if (this.#reset.size > keptResets) this.#reset.delete(this.#reset.values().next().value as number);
  }

  /** Whether a peer's HEADERS on `id` open a stream; from then on the number is used. */
  opens(id: number): boolean {
    if (this.#role === 'client' || id % 2 === 0 || id <= this.#peerId) return false;
    this.#peerId = id;
    return true;
  }

  /** Undefined: it was there and is no more. @throws Http2Error PROTOCOL_ERROR when it was never open. */
  get(id: number, what: string): Stream | undefined {
    const stream = this.#open.get(id);
    if (stream === undefined && (id === 0 || this.#isIdle(id))) {
      throw new Http2Error(Code.protocol, `${what} on stream ${id}, which was never open`);
    }
    return stream;
  }

  find(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  /**
   * What comes on a stream that is no more is let pass if we have reset it, and always from a server: its last words
   * may be on streams that we have long forgotten. @throws Http2Error STREAM_CLOSED.
   */
  checkWasReset(id: number): void {
    if (this.#role === 'client' || this.#reset.has(id)) return;
    throw new Http2Error(Code.streamClosed, `stream ${id} has ended`);
  }

  #isIdle(id: number): boolean {
    return id % 2 === 0 || (this.#role === 'client' ? id >= this.#nextId : id > this.#peerId);
  }
}
