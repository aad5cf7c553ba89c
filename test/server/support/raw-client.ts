import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { grpcFrame } from '../../../src/wire/grpc-frame.js';
import { MessageReader } from '../../../src/wire/message-reader.js';

export interface RawAnswer {
  readonly httpStatus: number | undefined;
  readonly status: string | undefined;
  readonly text: string | undefined;
  readonly messages: Buffer[];
  readonly rstCode: number;
  /** Status and headers came in one block. */
  readonly isTrailersOnly: boolean;
}

/** A gRPC client that can break every rule. */
export class RawClient {
  readonly session: ClientHttp2Session;

  constructor(url: string, options: { initialWindowSize?: number } = {}) {
    this.session = connect(url, { settings: options });
    this.session.on('error', () => {});
  }

  async ready(): Promise<this> {
    if (this.session.connecting) await once(this.session, 'connect');
    return this;
  }

  open(path: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    stream.on('error', () => {});
    return stream;
  }

  /** Sends `bytes` as they are and ends. */
  async sendRaw(path: string, bytes: Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<RawAnswer> {
    const stream = this.open(path, headers);
    const answer = readAnswer(stream);
    stream.end(bytes);
    return answer;
  }

  call(path: string, message: string | Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<RawAnswer> {
    return this.sendRaw(path, grpcFrame(typeof message === 'string' ? Buffer.from(message) : message), headers);
  }

  /** Resolves when the server has read all that was sent before. */
  roundTrip(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.session.ping((error) => (error === null ? resolve() : reject(error)));
    });
  }

  async close(): Promise<void> {
    if (this.session.destroyed) return;
    const closed = once(this.session, 'close');
    this.session.destroy();
    await closed;
  }
}

/** Everything that comes back until the stream is closed. */
export async function readAnswer(stream: ClientHttp2Stream): Promise<RawAnswer> {
  const messages: Buffer[] = [];
  const reader = new MessageReader(64 * 1024 * 1024);
  let head: Record<string, unknown> = {};
  let trailers: Record<string, unknown> = {};
  stream.on('response', (headers) => {
    head = headers;
  });
  stream.on('trailers', (headers) => {
    trailers = headers;
  });
  stream.on('data', (chunk: Buffer) => reader.push(chunk, (message) => messages.push(Buffer.from(message))));
  if (!stream.destroyed) await new Promise((resolve) => stream.once('close', resolve));
  const isTrailersOnly = head['grpc-status'] !== undefined;
  const end = isTrailersOnly ? head : trailers;
  return {
    httpStatus: head[':status'] as number | undefined,
    status: end['grpc-status'] as string | undefined,
    text: end['grpc-message'] as string | undefined,
    messages,
    rstCode: stream.rstCode ?? 0,
    isTrailersOnly,
  };
}

/** The next message of a stream that stays open. */
export function nextMessage(stream: ClientHttp2Stream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const reader = new MessageReader(64 * 1024 * 1024);
    const onData = (chunk: Buffer) =>
      reader.push(chunk, (message) => {
        stream.off('data', onData);
        resolve(Buffer.from(message));
      });
    stream.on('data', onData);
    stream.once('close', () => reject(new Error('the stream ended')));
  });
}
