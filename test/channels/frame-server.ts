import { once } from 'node:events';
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { preface } from '../../src/http2/protocol.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import {
  decodeFrames,
  encodeFrame,
  Flag,
  type Frame,
  FrameType,
  type SettingPair,
  settingsFrame,
} from '../transport/frames.js';
import { headerBlock } from '../transport/header-block.js';

/** A server that writes frames by hand, and keeps every frame that it is sent. It answers nothing by itself. */
export class FrameServer implements AsyncDisposable {
  readonly address: string;
  /** Of all connections, in order. */
  readonly connections: ServerConnection[] = [];
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  private constructor(server: Server, settings: readonly SettingPair[] | 'silent') {
    this.#server = server;
    const at = server.address() as AddressInfo | string;
    this.address =
      typeof at === 'string' ? `unix:${at}` : `${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`;
    server.on('connection', (socket) => {
      const connection = new ServerConnection(socket);
      if (settings !== 'silent') connection.write(settingsFrame(...settings));
      this.connections.push(connection);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** `settings`: what it greets with. */
  static async start(
    settings: readonly SettingPair[] | 'silent' = [],
    at: ListenOptions = { host: '127.0.0.1', port: 0 },
  ): Promise<FrameServer> {
    const server = createServer();
    server.listen(at);
    await once(server, 'listening');
    return new FrameServer(server, settings);
  }

  async connection(index = 0): Promise<ServerConnection> {
    // Bounded by the test's own timeout.
    for (;;) {
      const found = this.connections[index];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
  }
}

export class ServerConnection {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<void>;
  #isClosed = false;
  #rest: Buffer = Buffer.alloc(0);
  #prefaceLeft = preface.length;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  write(...bytes: readonly Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(bytes));
  }

  /** The first frame that matches, of those that have come and of those to come. */
  async next(matches: (frame: Frame) => boolean): Promise<Frame> {
    // Bounded by the test's own timeout.
    for (;;) {
      const found = this.frames.find(matches);
      if (found !== undefined) return found;
      if (this.#isClosed) throw new Error('the client has closed the connection');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Resolves when the head of a call on `stream` has come. */
  async call(stream: number): Promise<void> {
    await this.next((frame) => frame.type === FrameType.headers && frame.stream === stream);
  }

  /** Resolves when all of the request has come. */
  async request(stream: number): Promise<void> {
    await this.next((frame) => frame.stream === stream && (frame.flags & Flag.endStream) !== 0);
  }

  head(stream: number, fields: readonly (readonly [string, string])[] = answerHead): void {
    this.write(encodeFrame(FrameType.headers, Flag.endHeaders, stream, headerBlock(fields)));
  }

  trailers(stream: number, fields: readonly (readonly [string, string])[] = [['grpc-status', '0']]): void {
    this.write(encodeFrame(FrameType.headers, Flag.endHeaders | Flag.endStream, stream, headerBlock(fields)));
  }

  message(stream: number, message: Uint8Array, flags: number = Flag.none): void {
    this.write(encodeFrame(FrameType.data, flags, stream, grpcFrame(message)));
  }

  /** A whole answer. */
  answer(stream: number, message: Uint8Array): void {
    this.head(stream);
    this.message(stream, message);
    this.trailers(stream);
  }

  /** Bytes of DATA that have come on `stream`. */
  dataBytes(stream: number): number {
    const data = this.frames.filter((frame) => frame.stream === stream && frame.type === FrameType.data);
    return data.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  #take(chunk: Buffer): void {
    const skipped = Math.min(this.#prefaceLeft, chunk.length);
    this.#prefaceLeft -= skipped;
    const { frames, rest } = decodeFrames(Buffer.concat([this.#rest, chunk.subarray(skipped)]));
    this.#rest = rest;
    this.frames.push(...frames);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

export const answerHead = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
] as const;
