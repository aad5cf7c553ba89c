import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Connection } from '../../src/http2/connection.js';
import type { OutgoingField } from '../../src/http2/hpack/encoder.js';
import type { Field } from '../../src/http2/hpack/field.js';
import { largestWindowBytes } from '../../src/http2/protocol.js';
import type { StreamListener } from '../../src/http2/stream.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { MessageReader } from '../../src/wire/message-reader.js';

/** Answers may come as fast as they like: we measure the server, not our windows. */
const settings = {
  streamWindowBytes: largestWindowBytes,
  connectionWindowBytes: largestWindowBytes,
  maxHeaderListBytes: 65_536,
};
const maxMessageBytes = 2 ** 30;

/** What is heard of one call. */
export interface CallListener {
  onMessage(message: Uint8Array): void;
  /** `failed`: the call ended without one message, or with its connection. */
  onEnd(failed: boolean): void;
}

/** The least of a gRPC client that load needs: statuses unread, an answer without a message counts as failed. */
export class H2Client {
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #authority: string;
  readonly #fields = new Map<string, readonly OutgoingField[]>();

  private constructor(socket: Socket, authority: string) {
    this.#socket = socket;
    this.#authority = authority;
    const write = (chunks: readonly Buffer[]) => {
      for (const chunk of chunks) if (!socket.destroyed) socket.write(chunk);
      return true;
    };
    const connection = new Connection({
      role: 'client',
      settings,
      sink: { write, defer: queueMicrotask },
      listener: {
        onStream: () => undefined,
        onSettings: () => {},
        onPong: () => {},
        onGoAway: () => socket.destroy(),
        onFail: () => socket.destroy(),
      },
    });
    this.#connection = connection;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => connection.receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => connection.lose());
  }

  static async connect(port: number): Promise<H2Client> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new H2Client(socket, `127.0.0.1:${port}`);
  }

  /** Starts a call with its first message; `last`: the only one. Returns what sends more. */
  call(path: string, message: Uint8Array, last: boolean, listener: CallListener): (message: Uint8Array) => void {
    const stream = this.#connection.open(this.#fieldsOf(path), false, new Call(listener));
    stream.data(grpcFrame(message), last);
    return (more) => stream.data(grpcFrame(more), false);
  }

  /** The answer of a call with one message each way. */
  unary(path: string, message: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let answer: Uint8Array | undefined;
      this.call(path, message, true, {
        onMessage: (bytes) => {
          answer = bytes;
        },
        onEnd: (failed) => (failed || answer === undefined ? reject(new Error(`${path} failed`)) : resolve(answer)),
      });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #fieldsOf(path: string): readonly OutgoingField[] {
    let fields = this.#fields.get(path);
    if (fields === undefined) {
      fields = [
        { name: ':method', value: 'POST' },
        { name: ':scheme', value: 'http' },
        { name: ':path', value: path },
        { name: ':authority', value: this.#authority },
        { name: 'content-type', value: 'application/grpc' },
        { name: 'te', value: 'trailers' },
      ];
      this.#fields.set(path, fields);
    }
    return fields;
  }
}

class Call implements StreamListener {
  readonly #listener: CallListener;
  readonly #reader = new MessageReader(maxMessageBytes);
  #answered = false;

  constructor(listener: CallListener) {
    this.#listener = listener;
  }

  onHeaders(_fields: readonly Field[], last: boolean): void {
    if (last) this.#listener.onEnd(!this.#answered);
  }

  onData(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#reader.push(bytes.subarray(start, end), (message) => {
      this.#answered = true;
      this.#listener.onMessage(message);
    });
    if (last) this.#listener.onEnd(!this.#answered);
  }

  onReset(): void {
    this.#listener.onEnd(true);
  }

  onLost(): void {
    this.#listener.onEnd(true);
  }
}
