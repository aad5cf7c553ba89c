import { HpackEncoder, type OutgoingField } from './hpack/encoder.js';
import { Http2Error } from './http2-error.js';
import { Output } from './output.js';
import { Code, Flag, FrameType, largestWindowBytes } from './protocol.js';
import { initialPeerSettings, type PeerSettings } from './settings.js';
import type { Stream } from './stream.js';

/** Where bytes go. */
export interface ByteSink {
  /** False: no more until `Connection.drained()`. */
  write(chunks: readonly Buffer[]): boolean;
  /** Calls `fn` once, when this turn's work is done. */
  defer(fn: () => void): void;
  /** Calls `fn` once, in a moment: the answer to a ping waits so long. Default: not at all. */
  linger?(fn: () => void): void;
}

/** DATA waits on its streams when so much is waiting to be written: memory is then bounded where it is counted. */
const fullAtBytes = 256 * 1024;

/** Answers to what the peer asks for by itself (PING, SETTINGS, faults) that may wait for it to read. */
const maxReplies = 1_000;

/**
 * All that a connection sends: one output, one write a turn, and both kinds of windows. DATA that finds no room waits
 * on its stream; streams that have room of their own wait in turn for the connection's (RFC 9113, 5.2).
 */
export class Sender {
  readonly output = new Output();
  readonly #sink: ByteSink;
  readonly #onEnded: (stream: Stream) => void;
  readonly #encoder = new HpackEncoder();
  /** Streams with room of their own, of which some DATA waits. */
  readonly #waiting = new Set<Stream>();
  #settings: PeerSettings = initialPeerSettings;
  #window = initialPeerSettings.initialWindowBytes;
  #isCongested = false;
  #isFlushing = false;
  #isLingering = false;
  #replies = 0;
  #flushes = 0;

  /** `onEnded`: END_STREAM was written. */
  constructor(sink: ByteSink, onEnded: (stream: Stream) => void) {
    this.#sink = sink;
    this.#onEnded = onEnded;
  }

  get settings(): PeerSettings {
    return this.#settings;
  }

  /** How often something was handed to the sink: what was sent at an equal count has not left. */
  get flushes(): number {
    return this.#flushes;
  }

  /** New settings of the peer. @throws Http2Error when they take a window of `streams` above its limit. */
  apply(settings: PeerSettings, streams: Iterable<Stream>): void {
    const change = settings.initialWindowBytes - this.#settings.initialWindowBytes;
    if (settings.headerTableBytes !== this.#settings.headerTableBytes) {
      this.#encoder.resizeTable(settings.headerTableBytes);
    }
    this.#settings = settings;
    if (change === 0) return;
    for (const stream of streams) {
      stream.sendWindow += change;
      if (stream.sendWindow > largestWindowBytes) throw new Http2Error(Code.flowControl, 'a window above 2^31 - 1');
      if (change > 0) this.#awaitRoom(stream);
    }
    this.#pumpAll();
  }

  headers(stream: Stream, fields: readonly OutgoingField[], last: boolean): void {
    if (stream.unsent.length > 0) stream.unsent.push({ bytes: noBytes, at: 0, fields, last });
    else this.#writeHeaders(stream, fields, last);
  }

  /** `lead`: before `bytes`, in the same frame. */
  data(stream: Stream, bytes: Uint8Array, last: boolean, lead: Uint8Array): void {
    const size = lead.length + bytes.length;
    if (stream.unsent.length === 0 && this.#fits(stream, size)) {
      this.#take(stream, size);
      this.output.data(last ? Flag.endStream : Flag.none, stream.id, lead, bytes);
      this.#onData(stream, last);
    } else {
      const all = lead.length === 0 ? bytes : Buffer.concat([lead, bytes]);
      stream.unsent.push({ bytes: all, at: 0, fields: undefined, last });
      stream.unsentBytes += size;
      this.#awaitRoom(stream);
      if (this.#window > 0) this.#pumpAll();
    }
  }

  /** Nothing more of it is sent. */
  drop(stream: Stream): void {
    if (stream.unsent.length === 0) return;
    stream.unsent.length = 0;
    stream.unsentBytes = 0;
    this.#waiting.delete(stream);
  }

  /** False: a window above its limit. */
  widen(bytes: number): boolean {
    this.#window += bytes;
    if (this.#window > largestWindowBytes) return false;
    this.#pumpAll();
    return true;
  }

  widenStream(stream: Stream, bytes: number): boolean {
    stream.sendWindow += bytes;
    if (stream.sendWindow > largestWindowBytes) return false;
    this.#awaitRoom(stream);
    this.#pumpAll();
    return true;
  }

  /** Counts an answer that the peer has asked for, and must read. @throws Http2Error when it does not. */
  reply(): void {
    this.#count();
    this.flushSoon();
  }

  /** The same for the answer to a ping. Only one lingers at a time: nobody can have many kept. */
  pong(payload: Uint8Array, start: number, end: number): void {
    this.#count();
    const answer = () => {
      this.output.frame(FrameType.ping, Flag.ack, 0, payload, start, end);
      this.flushSoon();
    };
    if (this.#sink.linger === undefined || this.#isLingering) {
      answer();
      return;
    }
    this.#isLingering = true;
    this.#sink.linger(() => {
      this.#isLingering = false;
      answer();
    });
  }

  /** Writes what there is at the end of this turn. */
  flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#sink.defer(() => {
      this.flush();
      this.#isFlushing = false;
    });
  }

  flush(): void {
    // Bounded: a turn without something written is the last, and DATA is bounded by the windows.
    while (!this.#isCongested && this.output.bytes > 0) {
      this.#replies = 0;
      this.#flushes += 1;
      this.#isCongested = !this.#sink.write(this.output.take());
      this.#pumpAll();
    }
  }

  /** The sink takes more. */
  drained(): void {
    if (!this.#isCongested) return;
    this.#isCongested = false;
    this.#pumpAll();
    this.flush();
  }

  #count(): void {
    this.#replies += 1;
    if (this.#replies > maxReplies) throw new Http2Error(Code.calm, 'answers are asked for and not read');
  }

  get #isFull(): boolean {
    return this.#isCongested || this.output.bytes >= fullAtBytes;
  }

  #fits(stream: Stream, size: number): boolean {
    if (size === 0) return true;
    return size <= stream.sendWindow && size <= this.#window && size <= this.#settings.maxFrameBytes && !this.#isFull;
  }

  #awaitRoom(stream: Stream): void {
    const next = stream.unsent[0];
    if (next !== undefined && (stream.sendWindow > 0 || !hasBytesFirst(stream))) this.#waiting.add(stream);
  }

  /** A frame of each stream in turn, as long as there is room. */
  #pumpAll(): void {
    // Bounded: each turn writes something, takes a stream away or passes one over that was here before.
    for (const stream of this.#waiting) {
      if (this.#isFull) return;
      if (this.#window <= 0 && hasBytesFirst(stream)) continue;
      this.#waiting.delete(stream);
      if (this.#pump(stream)) this.#waiting.add(stream);
    }
  }

  /** Writes one frame of what waits on the stream. False: there was no room for it, or nothing is left. */
  #pump(stream: Stream): boolean {
    const next = stream.unsent[0];
    if (next === undefined) return false;
    const left = next.bytes.length - next.at;
    // The stream's window may be below zero, which stops no trailers and no empty end.
    const size = Math.max(0, Math.min(left, this.#window, stream.sendWindow, this.#settings.maxFrameBytes));
    if (left > 0 && size === 0) return false;
    const isDone = size === left;
    if (isDone) stream.unsent.shift();
    if (next.fields !== undefined) {
      this.#writeHeaders(stream, next.fields, next.last);
    } else {
      stream.unsentBytes -= size;
      this.#writeData(stream, next.bytes, next.at, next.at + size, isDone && next.last);
      next.at += size;
    }
    if (stream.unsent.length > 0) return true;
    stream.listener.onDrain?.();
    return false;
  }

  #writeData(stream: Stream, bytes: Uint8Array, from: number, to: number, last: boolean): void {
    this.#take(stream, to - from);
    this.output.frame(FrameType.data, last ? Flag.endStream : Flag.none, stream.id, bytes, from, to);
    this.#onData(stream, last);
  }

  #take(stream: Stream, size: number): void {
    stream.sendWindow -= size;
    this.#window -= size;
  }

  #onData(stream: Stream, last: boolean): void {
    this.flushSoon();
    if (last) this.#onEnded(stream);
  }

  #writeHeaders(stream: Stream, fields: readonly OutgoingField[], last: boolean): void {
    const block = this.#encoder.encode(fields);
    const max = this.#settings.maxFrameBytes;
    const ends = last ? Flag.endStream : Flag.none;
    const isWhole = block.length <= max ? Flag.endHeaders : Flag.none;
    this.output.frame(FrameType.headers, ends | isWhole, stream.id, block, 0, Math.min(block.length, max));
    for (let at = max; at < block.length; at += max) {
      const end = Math.min(at + max, block.length);
      const flags = end === block.length ? Flag.endHeaders : Flag.none;
      this.output.frame(FrameType.continuation, flags, stream.id, block, at, end);
    }
    this.flushSoon();
    if (last) this.#onEnded(stream);
  }
}

/** Whether what waits first needs room in the windows; trailers and an empty end need none. */
function hasBytesFirst({ unsent: [next] }: Stream): boolean {
  return next !== undefined && next.at < next.bytes.length;
}

const noBytes = new Uint8Array(0);
