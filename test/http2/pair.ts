import { Connection, type ConnectionOptions } from '../../src/http2/connection.js';
import type { ConnectionListener } from '../../src/http2/connection-listener.js';
import type { Field } from '../../src/http2/hpack/field.js';
import type { Http2Error } from '../../src/http2/http2-error.js';
import type { LocalSettings, PeerSettings } from '../../src/http2/settings.js';
import type { Stream, StreamListener } from '../../src/http2/stream.js';

export const roomySettings: LocalSettings = {
  streamWindowBytes: 2 ** 20,
  connectionWindowBytes: 2 ** 22,
  maxHeaderListBytes: 16_384,
};

/** One side of a connection without a socket: keeps what it is told, and what it would write. */
export class Side implements ConnectionListener {
  readonly connection: Connection;
  readonly streams: Heard[] = [];
  readonly settings: PeerSettings[] = [];
  readonly pongs: string[] = [];
  readonly goAways: (readonly [last: number, code: number, text: string])[] = [];
  failure: Http2Error | undefined;
  /** Whether the sink takes more at once. */
  takes = true;
  writes = 0;
  #written: Buffer[] = [];
  #deferred: (() => void)[] = [];
  #lingering: (() => void)[] = [];
  readonly #onTake: (heard: Heard) => boolean;

  /** `onTake`: told of each stream that the peer opens; false refuses it. `lingers`: whether its sink can. */
  constructor(
    role: ConnectionOptions['role'],
    settings: LocalSettings = roomySettings,
    onTake: (heard: Heard) => boolean = () => true,
    lingers = false,
  ) {
    this.#onTake = onTake;
    const write = (chunks: readonly Buffer[]) => {
      this.writes += 1;
      this.#written.push(...chunks);
      return this.takes;
    };
    const defer = (fn: () => void) => void this.#deferred.push(fn);
    const linger = (fn: () => void) => void this.#lingering.push(fn);
    const sink = { write, defer, ...(lingers && { linger }) };
    this.connection = new Connection({ role, settings, sink, listener: this });
  }

  /** What its sink was to call in a moment is called. */
  moment(): void {
    for (const fn of this.#lingering.splice(0)) fn();
  }

  /** The turn is over: gives what was written since the last time. */
  turn(): Buffer {
    for (const fn of this.#deferred.splice(0)) fn();
    return Buffer.concat(this.#written.splice(0));
  }

  onStream(stream: Stream): StreamListener | undefined {
    const heard = new Heard(stream);
    if (!this.#onTake(heard)) return undefined;
    this.streams.push(heard);
    return heard;
  }

  onSettings(settings: PeerSettings): void {
    this.settings.push(settings);
  }

  onPong(payload: Buffer): void {
    this.pongs.push(payload.toString('latin1'));
  }

  onGoAway(last: number, code: number, text: string): void {
    this.goAways.push([last, code, text]);
  }

  onFail(error: Http2Error): void {
    this.failure = error;
  }
}

/** Keeps what it hears of a stream. */
export class Heard implements StreamListener {
  stream: Stream | undefined;
  readonly heads: [string, string][][] = [];
  readonly data: Buffer[] = [];
  /** How it went out: in order, by whose reset, or with the connection. */
  end: 'ended' | 'lost' | readonly [code: number, byPeer: boolean] | undefined;
  drains = 0;
  onNews: () => void = () => {};

  constructor(stream?: Stream) {
    this.stream = stream;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.data);
  }

  onHeaders(fields: readonly Field[], last: boolean): void {
    this.heads.push(fields.map(({ name, value }) => [name, value]));
    this.#told(last);
  }

  onData(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.data.push(bytes.subarray(start, end));
    this.#told(last);
  }

  onReset(code: number, byPeer: boolean): void {
    this.end = [code, byPeer];
  }

  onLost(): void {
    this.end = 'lost';
  }

  onDrain(): void {
    this.drains += 1;
  }

  #told(last: boolean): void {
    if (last) this.end = 'ended';
    this.onNews();
  }
}

/** Carries bytes between two sides until both are silent, `cut` into what pieces it says. */
export function exchange(a: Side, b: Side, cut: (bytes: Buffer) => readonly Buffer[] = (bytes) => [bytes]): void {
  // Bounded: peers that obey fall silent; two that do not would be a bug, shown as a test that does not end.
  for (;;) {
    const [fromA, fromB] = [a.turn(), b.turn()];
    if (fromA.length + fromB.length === 0) return;
    for (const piece of cut(fromA)) b.connection.receive(piece);
    for (const piece of cut(fromB)) a.connection.receive(piece);
  }
}
