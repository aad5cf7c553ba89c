import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { decodeFrames, encodeFrame, Flag, type Frame, FrameType, type SettingPair, settingsFrame } from './frames.js';
import { callFields, headerBlock } from './header-block.js';

/** Of a peer that has said nothing else (RFC 9113, 4.2). */
export const frameBytesMax = 16_384;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const unaryPath = '/test.Echo/Unary';
export const duplexPath = '/test.Echo/Duplex';

/** What came of one call. */
export interface Answer {
  /** Bytes of all DATA frames, gRPC's framing included. */
  readonly body: Buffer;
  /** The code of a reset; undefined when it ended in order. */
  readonly reset: number | undefined;
}

/** A peer that writes frames by hand and keeps every frame that it is sent. It obeys no window, setting or PING. */
export class FramePeer {
  readonly socket: Socket;
  /** All that have come. */
  readonly frames: Frame[] = [];
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  #rest: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #onNews: (() => void)[] = [];
  #fences = 0;

  private constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        this.#isClosed = true;
        this.#tell();
        resolve();
      });
    });
  }

  /** Connected, with nothing said. */
  static async silent(port: number): Promise<FramePeer> {
    const peer = new FramePeer(port);
    await once(peer.socket, 'connect');
    return peer;
  }

  /** Has exchanged prefaces; `settings` are its own. */
  static async greeted(port: number, ...settings: readonly SettingPair[]): Promise<FramePeer> {
    const peer = await FramePeer.silent(port);
    peer.write(preface, settingsFrame(...settings));
    await peer.next(({ type, flags }) => type === FrameType.settings && flags === Flag.ack);
    return peer;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(...bytes: readonly Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(bytes));
  }

  /** A call with one message, ended at once unless `open`. */
  call(stream: number, message: string | Uint8Array, { path = unaryPath, open = false } = {}): void {
    const body = grpcFrame(typeof message === 'string' ? Buffer.from(message) : message);
    this.write(callHead(stream, path));
    for (let at = 0; at < body.length; at += frameBytesMax) {
      const flags = open || at + frameBytesMax < body.length ? Flag.none : Flag.endStream;
      this.write(encodeFrame(FrameType.data, flags, stream, body.subarray(at, at + frameBytesMax)));
    }
  }

  /** The first frame that matches, of those that have come and of those to come. */
  async next(matches: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(matches);
      if (found !== undefined) return found;
      if (this.#isClosed) throw new Error(`the connection ended; it had ${this.#shown()}`);
      await this.#news();
    }
  }

  /** Resolves when all that was written before has been taken, or will never be: the connection is given up. */
  async fence(): Promise<void> {
    this.#fences += 1;
    const payload = Buffer.alloc(8);
    payload.write('fence', 'latin1');
    payload.writeUInt16BE(this.#fences, 6);
    this.write(encodeFrame(FrameType.ping, Flag.none, 0, payload));
    const isPong = ({ type, flags, payload: got }: Frame) =>
      type === FrameType.ping && flags === Flag.ack && got.equals(payload);
    while (!this.#isClosed && this.goAwayCode === undefined && !this.frames.some(isPong)) await this.#news();
  }

  /** Resolves when the call is over. */
  async answer(stream: number): Promise<Answer> {
    const ofStream = () => this.frames.filter((frame) => frame.stream === stream);
    const ends = ({ type, flags }: Frame) =>
      type === FrameType.reset ||
      ((type === FrameType.headers || type === FrameType.data) && (flags & Flag.endStream) !== 0);
    const last = await this.next((frame) => frame.stream === stream && ends(frame));
    const body = Buffer.concat(ofStream().flatMap(({ type, payload }) => (type === FrameType.data ? [payload] : [])));
    return { body, reset: last.type === FrameType.reset ? last.payload.readUInt32BE(0) : undefined };
  }

  /** The code with which the server gave the connection up; undefined while it has not. */
  get goAwayCode(): number | undefined {
    return this.frames.find(({ type }) => type === FrameType.goAway)?.payload.readUInt32BE(4);
  }

  /** The code with which it gave the stream up. */
  resetCode(stream: number): number | undefined {
    const isReset = (frame: Frame) => frame.type === FrameType.reset && frame.stream === stream;
    return this.frames.find(isReset)?.payload.readUInt32BE(0);
  }

  /** Bytes of DATA that have come on `stream`. */
  dataBytes(stream: number): number {
    return this.frames.reduce(
      (sum, each) => (each.type === FrameType.data && each.stream === stream ? sum + each.payload.length : sum),
      0,
    );
  }

  close(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    const { frames, rest } = decodeFrames(Buffer.concat([this.#rest, chunk]));
    this.#rest = rest;
    this.frames.push(...frames);
    this.#tell();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#onNews.push(resolve));
  }

  #tell(): void {
    for (const each of this.#onNews.splice(0)) each();
  }

  #shown(): string {
    return this.frames.map(({ type, flags, stream }) => `${type}/${flags}@${stream}`).join(' ') || 'no frames';
  }
}

/** The HEADERS of a call that goes on. */
export function callHead(stream: number, path: string): Buffer {
  return encodeFrame(FrameType.headers, Flag.endHeaders, stream, headerBlock(callFields(path)));
}
