import type { ConnectionListener } from './connection-listener.js';
import { FrameReader, uint32At } from './frame-reader.js';
import { checkSize, paddingOf } from './frame-rules.js';
import { HeaderBlock } from './header-block.js';
import { type FieldList, HpackDecoder } from './hpack/decoder.js';
import type { OutgoingField } from './hpack/encoder.js';
import type { Field } from './hpack/field.js';
import { Http2Error } from './http2-error.js';
import { PrefaceReader } from './preface.js';
import {
  Code,
  defaultFrameBytes,
  defaultWindowBytes,
  Flag,
  FrameType,
  largestStreamId,
  largestWindowBytes,
  preface,
} from './protocol.js';
import { ReceiveWindow } from './receive-window.js';
import { type ByteSink, Sender } from './sender.js';
import { type LocalSettings, type PeerSettings, readSettings, settingPairs } from './settings.js';
import { Stream, type StreamHost, type StreamListener } from './stream.js';
import { StreamTable } from './stream-table.js';

export interface ConnectionOptions {
  readonly role: 'client' | 'server';
  readonly settings: LocalSettings;
  readonly sink: ByteSink;
  readonly listener: ConnectionListener;
}

/**
 * One HTTP/2 connection (RFC 9113), either side of it, without a socket: bytes come by `receive` and go to the sink. It
 * keeps frames, windows, header blocks and the states of streams to the rules; what a stream means is its listener's.
 */
export class Connection implements StreamHost {
  readonly #settings: LocalSettings;
  readonly #listener: ConnectionListener;
  readonly #sender: Sender;
  readonly #decoder: HpackDecoder;
  readonly #reader = new FrameReader((type, flags, id, bytes, start, end) =>
    this.#onFrame(type, flags, id, bytes, start, end),
  );
  readonly #preface: PrefaceReader | undefined;
  readonly #window: ReceiveWindow;
  readonly #streams: StreamTable;
  #block: HeaderBlock | undefined;
  #hasSettings = false;
  /** What `goAway` has said. */
  #lastId = largestStreamId;
  #isOver = false;

  constructor({ role, settings, sink, listener }: ConnectionOptions) {
    this.#settings = settings;
    this.#listener = listener;
    this.#streams = new StreamTable(role);
    this.#sender = new Sender(sink, (stream) => this.#onEnded(stream));
    this.#decoder = new HpackDecoder(settings.maxHeaderListBytes);
    this.#preface = role === 'server' ? new PrefaceReader() : undefined;
    this.#window = new ReceiveWindow(settings.connectionWindowBytes);
    const { output } = this.#sender;
    if (role === 'client') output.raw(Buffer.from(preface, 'latin1'));
    output.settings(settingPairs(settings, role));
    const wider = settings.connectionWindowBytes - defaultWindowBytes;
    if (wider > 0) output.windowUpdate(0, wider);
    this.#sender.flushSoon();
  }

  /** Of the peer; its own word only after `onSettings`. */
  get peerSettings(): PeerSettings {
    return this.#sender.settings;
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Of the sink: what was sent when it was the same has not been written. */
  get flushes(): number {
    return this.#sender.flushes;
  }

  /** A client's: whether there are numbers left for new streams. */
  get canOpen(): boolean {
    return !this.#isOver && this.#streams.hasNextId;
  }

  /** Whether the peer may send no more, on all streams together, than the connection's window has room for now. */
  set isPaused(isPaused: boolean) {
    this.#window.isPaused = isPaused;
    this.#tellRoom(0, this.#window.giveBack());
  }

  /** The peer’s `bytes[start, end)`, not to be changed later. Never throws for what it says: see `onFail`. */
  receive(bytes: Buffer, start = 0, end = bytes.length): void {
    if (this.#isOver) return;
    try {
      const from = this.#preface === undefined ? start : this.#preface.pass(bytes, start, end);
      this.#reader.push(bytes, from, end);
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      this.fail(error);
    }
  }

  /** The sink takes more. */
  drained(): void {
    this.#sender.drained();
  }

  /** Writes at once what waits for the end of the turn. */
  flush(): void {
    this.#sender.flush();
  }

  /** A client's new stream. It is not looked whether the peer's MAX_CONCURRENT_STREAMS allows it. */
  open(fields: readonly OutgoingField[], last: boolean, listener: StreamListener): Stream {
    const stream = this.#add(this.#streams.nextId(), listener);
    stream.headers(fields, last);
    return stream;
  }

  /** Eight bytes, which come back by `onPong`. */
  ping(payload: Uint8Array): void {
    this.#sender.output.frame(FrameType.ping, Flag.none, 0, payload);
    this.#sender.flushSoon();
  }

  /** Says that streams of the peer's above `lastStream`, by default those to come, are not looked at. */
  goAway(code: number = Code.none, lastStream: number = this.#streams.peerId, text = ''): void {
    this.#lastId = Math.min(this.#lastId, lastStream);
    this.#sender.output.goAway(this.#lastId, code, text);
    this.#sender.flushSoon();
  }

  /** Gives the connection up for what the peer did. */
  fail(error: Http2Error): void {
    if (this.#isOver) return;
    this.goAway(error.code, this.#streams.peerId, error.message);
    this.#sender.flush();
    this.#isOver = true;
    this.#listener.onFail(error);
  }

  /** The bytes' way is gone: tells every stream. Nothing is heard or sent any more. Idempotent. */
  lose(): void {
    this.#isOver = true;
    for (const stream of this.#streams.all()) {
      this.#close(stream);
      stream.listener.onLost();
    }
  }

  sendHeaders(stream: Stream, fields: readonly OutgoingField[], last: boolean): void {
    if (stream.isClosed || stream.isEnding) return;
    stream.isEnding = last;
    this.#sender.headers(stream, fields, last);
  }

  sendData(stream: Stream, bytes: Uint8Array, last: boolean, lead: Uint8Array): void {
    if (stream.isClosed || stream.isEnding) return;
    stream.isEnding = last;
    this.#sender.data(stream, bytes, last, lead);
  }

  reset(stream: Stream, code: number): void {
    if (stream.isClosed) return;
    this.#streams.addReset(stream);
    this.#close(stream);
    this.#sender.output.reset(stream.id, code);
    this.#sender.flushSoon();
  }

  resume(stream: Stream): void {
    this.#giveBack(stream);
  }

  #onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    if (!this.#hasSettings && (type !== FrameType.settings || (flags & Flag.ack) !== 0)) {
      throw new Http2Error(Code.protocol, 'the first frame is no SETTINGS');
    }
    if (this.#block !== undefined && (type !== FrameType.continuation || id !== this.#block.stream)) {
      throw new Http2Error(Code.protocol, 'another frame within a header block');
    }
    switch (type) {
      case FrameType.data:
        this.#onData(flags, id, bytes, start, end);
        break;
      case FrameType.headers:
        this.#onHeaders(flags, id, bytes, start, end);
        break;
      case FrameType.continuation:
        this.#onContinuation(flags, bytes, start, end);
        break;
      case FrameType.windowUpdate:
        this.#onWindowUpdate(id, bytes, start, end);
        break;
      case FrameType.reset:
        this.#onReset(id, bytes, start, end);
        break;
      case FrameType.priority:
        if (id === 0) throw new Http2Error(Code.protocol, 'a PRIORITY of the connection');
        checkSize('PRIORITY', start, end, 5);
        break;
      case FrameType.pushPromise:
        throw new Http2Error(Code.protocol, 'a PUSH_PROMISE');
      case FrameType.settings:
      case FrameType.ping:
      case FrameType.goAway:
        if (id !== 0) throw new Http2Error(Code.protocol, `a frame of the connection on stream ${id}`);
        this.#onControl(type, flags, bytes, start, end);
        break;
      default:
    }
  }

  #onData(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    const stream = this.#streams.get(id, 'DATA');
    if (!this.#window.take(size)) throw new Http2Error(Code.flowControl, 'DATA above the window');
    this.#tellRoom(0, this.#window.giveBack());
    if (stream === undefined) {
      this.#streams.checkWasReset(id);
    } else if (stream.peerHasEnded || !stream.receiveWindow.take(size)) {
      this.#failStream(stream, stream.peerHasEnded ? Code.streamClosed : Code.flowControl);
    } else {
      const last = (flags & Flag.endStream) !== 0;
      const padding = paddingOf(flags, bytes, start, end);
      const from = (flags & Flag.padded) === 0 ? start : start + 1;
      stream.peerHasEnded = last;
      stream.listener.onData(bytes, from, end - padding, last);
      if (last) this.#closeIfEnded(stream);
      else this.#giveBack(stream);
    }
  }

  #onHeaders(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw new Http2Error(Code.protocol, 'HEADERS of the connection');
    const padding = paddingOf(flags, bytes, start, end);
    const from = start + ((flags & Flag.padded) === 0 ? 0 : 1) + ((flags & Flag.priority) === 0 ? 0 : 5);
    const to = end - padding;
    if (from > to) throw new Http2Error(Code.protocol, 'HEADERS that are all padding');
    if ((flags & Flag.endHeaders) !== 0) {
      this.#onBlock(id, (flags & Flag.endStream) !== 0, this.#decoder.decode(bytes, from, to));
    } else {
      // Compressed it is not longer than its list, but for changes of the table's size.
      this.#block = new HeaderBlock(id, flags, this.#settings.maxHeaderListBytes + defaultFrameBytes);
      this.#block.add(bytes.subarray(from, to));
    }
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (block === undefined) throw new Http2Error(Code.protocol, 'a CONTINUATION of nothing');
    block.add(bytes.subarray(start, end));
    if ((flags & Flag.endHeaders) === 0) return;
    this.#block = undefined;
    this.#onBlock(block.stream, block.endsStream, this.#decoder.decode(block.whole()));
  }

  #onBlock(id: number, last: boolean, { fields, tooLong }: FieldList): void {
    const stream = this.#streams.find(id) ?? this.#accept(id);
    if (stream === undefined) return;
    const fault = faultOf(stream, fields, tooLong);
    if (fault !== undefined) {
      this.#failStream(stream, fault);
      return;
    }
    stream.peerHasEnded = last;
    stream.listener.onHeaders(fields, last);
    if (last) this.#closeIfEnded(stream);
  }

  /** The stream that the peer opens; undefined: it may not, or not any more. */
  #accept(id: number): Stream | undefined {
    if (!this.#streams.opens(id)) {
      this.#streams.get(id, 'HEADERS');
      this.#streams.checkWasReset(id);
      return undefined;
    }
    const { maxStreams = Number.POSITIVE_INFINITY } = this.#settings;
    const isRefused = id > this.#lastId || this.#streams.size >= maxStreams;
    const stream = this.#add(id, refusing);
    const listener = isRefused ? undefined : this.#listener.onStream(stream);
    if (listener !== undefined) {
      stream.listener = listener;
      return stream;
    }
    this.#sender.reply();
    this.reset(stream, Code.refused);
    if (id <= this.#lastId) this.#listener.onRefused?.();
    return undefined;
  }

  #onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    checkSize('WINDOW_UPDATE', start, end, 4);
    const room = uint32At(bytes, start) & largestWindowBytes;
    if (id === 0) {
      if (room === 0) throw new Http2Error(Code.protocol, 'a WINDOW_UPDATE of 0');
      if (!this.#sender.widen(room)) throw new Http2Error(Code.flowControl, 'a window above 2^31 - 1');
      return;
    }
    const stream = this.#streams.get(id, 'a WINDOW_UPDATE');
    if (stream === undefined) return;
    if (room === 0) this.#failStream(stream, Code.protocol);
    else if (!this.#sender.widenStream(stream, room)) this.#failStream(stream, Code.flowControl);
  }

  #onReset(id: number, bytes: Buffer, start: number, end: number): void {
    const stream = this.#streams.get(id, 'a RST_STREAM');
    if (stream === undefined) return;
    checkSize('RST_STREAM', start, end, 4);
    this.#close(stream);
    stream.listener.onReset(uint32At(bytes, start), true);
  }

  #onControl(type: number, flags: number, bytes: Buffer, start: number, end: number): void {
    const { output } = this.#sender;
    const isAck = (flags & Flag.ack) !== 0;
    if (type === FrameType.goAway) {
      if (end - start < 8) throw new Http2Error(Code.frameSize, `a GOAWAY of ${end - start} bytes`);
      const last = uint32At(bytes, start) & largestStreamId;
      this.#listener.onGoAway(
        last,
        uint32At(bytes, start + 4),
        bytes.toString('latin1', start + 8, Math.min(end, start + 208)),
      );
    } else if (type === FrameType.ping) {
      checkSize('PING', start, end, 8);
      if (isAck) this.#listener.onPong(bytes.subarray(start, end));
      else this.#sender.pong(bytes, start, end);
    } else if (isAck) {
      checkSize('SETTINGS that confirm', start, end, 0);
    } else {
      this.#sender.apply(readSettings(this.peerSettings, bytes, start, end), this.#streams.all());
      this.#hasSettings = true;
      output.settingsAck();
      this.#sender.reply();
      this.#listener.onSettings(this.peerSettings);
    }
  }

  #add(id: number, listener: StreamListener): Stream {
    const window = new ReceiveWindow(this.#settings.streamWindowBytes);
    const stream = new Stream(id, listener, this.peerSettings.initialWindowBytes, window, this);
    this.#streams.add(stream);
    return stream;
  }

  /** The peer broke a rule that concerns this stream alone. */
  #failStream(stream: Stream, code: number): void {
    this.#sender.reply();
    this.reset(stream, code);
    stream.listener.onReset(code, false);
  }

  #onEnded(stream: Stream): void {
    stream.hasEnded = true;
    this.#closeIfEnded(stream);
  }

  #closeIfEnded(stream: Stream): void {
    if (stream.hasEnded && stream.peerHasEnded) this.#close(stream);
  }

  #close(stream: Stream): void {
    stream.isClosed = true;
    this.#streams.delete(stream);
    this.#sender.drop(stream);
  }

  #giveBack(stream: Stream): void {
    if (stream.isPaused || stream.isClosed || stream.peerHasEnded) return;
    this.#tellRoom(stream.id, stream.receiveWindow.giveBack());
  }

  #tellRoom(id: number, room: number): void {
    if (room === 0) return;
    this.#sender.output.windowUpdate(id, room);
    this.#sender.flushSoon();
  }
}

/** Of a stream that nobody takes. */
const refusing: StreamListener = { onHeaders: () => {}, onData: () => {}, onReset: () => {}, onLost: () => {} };

/** Why a head or trailers are of no use on `stream`: a code. */
function faultOf(stream: Stream, fields: readonly Field[], tooLong: boolean): number | undefined {
  if (stream.peerHasEnded) return Code.streamClosed;
  if (tooLong) return Code.calm;
  return fields.every(({ valid }) => valid) ? undefined : Code.protocol;
}
