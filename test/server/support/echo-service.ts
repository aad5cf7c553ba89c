import type { Bytes } from '../../../src/core/bytes.js';
import { utf8, utf8Text } from '../../../src/core/bytes.js';
import { deferred } from '../../../src/core/deferred.js';
import { ConclaveError } from '../../../src/core/errors.js';
import type { GrpcService } from '../../../src/server/grpc/service.js';
import type { Codec } from '../../../src/wire/codec/codec.js';
import type { RpcContext } from '../../../src/wire/rpc-service.js';
import { eventually } from './wait.js';

const raw: Codec<Bytes> = {
  encode: (message) => message,
  decode: (bytes) => {
    if (utf8Text(bytes) === 'undecodable') throw new Error('no such message');
    return bytes;
  },
};

/** A service for the transport's own tests: what it does is what the message says. */
export class EchoService implements GrpcService {
  /** Duplex calls that have begun and not been told of their end. */
  open = 0;
  openMax = 0;
  /** All duplex calls that have ever begun. */
  opens = 0;
  /** Resolves when a handler has been told that its call is over. */
  readonly cancelled = deferred();
  readonly hanging = deferred();
  readonly flooded = deferred();

  unary(path: string) {
    if (path !== '/test.Echo/Unary') return undefined;
    return {
      method: { path, request: raw, response: raw },
      handle: (request: unknown, context: RpcContext) => this.#answer(request as Bytes, context),
    };
  }

  duplex(path: string) {
    if (path !== '/test.Echo/Duplex') return undefined;
    return {
      method: { path, request: raw, response: raw, duplex: true as const },
      open: (reply: { send(message: unknown): void; end(error?: ConclaveError): void }) => {
        this.open += 1;
        this.opens += 1;
        this.openMax = Math.max(this.openMax, this.open);
        let staysAfterHalfClose = false;
        const end = (error?: ConclaveError) => {
          this.open -= 1;
          reply.end(error);
        };
        return {
          onMessage: (message: unknown) => {
            const text = utf8Text(message as Bytes);
            if (text === 'bug') throw new TypeError('a secret');
            if (text === 'stay') staysAfterHalfClose = true;
            if (text === 'fail') end(new ConclaveError('NOT_FOUND', '100 % nö'));
            else if (text.startsWith('flood ')) this.#flood(reply, Number(text.slice(6)));
            else reply.send(message);
          },
          onHalfClose: () => {
            if (!staysAfterHalfClose) end();
          },
          onCancel: () => {
            this.open -= 1;
            this.cancelled.resolve();
          },
        };
      },
    };
  }

  /** Resolves when `count` duplex calls are open. */
  async opened(count: number): Promise<void> {
    await eventually(() => this.open === count);
  }

  hasService(name: string): boolean {
    return name === 'test.Echo';
  }

  async #answer(request: Bytes, context: RpcContext): Promise<Bytes> {
    const text = utf8Text(request);
    if (text === 'fail') throw new ConclaveError('NOT_FOUND', '100 % nö');
    if (text === 'bug') throw new TypeError('a secret');
    if (text === 'metadata') return utf8(JSON.stringify(context.metadata));
    if (text === 'hang') return this.#hang(context.signal);
    return request;
  }

  #hang(signal: AbortSignal): Promise<Bytes> {
    this.hanging.resolve();
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        this.cancelled.resolve();
        reject(signal.reason);
      });
    });
  }

  #flood(reply: { send(message: unknown): void }, mebibytes: number): void {
    const mebibyte = new Uint8Array(1024 * 1024);
    for (let i = 0; i < mebibytes; i++) reply.send(mebibyte);
    this.flooded.resolve();
  }
}
