import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type Bytes, prefixEnd, utf8, utf8Text } from '../../../src/core/bytes.js';
import type { KeyValue } from '../../../src/store/messages.js';
import type { LeaderResponse } from '../../../src/wire/codec/election.js';
import { electionMethods, lockMethods } from '../../../src/wire/concurrency-methods.js';
import { type DuplexMethod, kvMethods, leaseMethods, type UnaryMethod } from '../../../src/wire/methods.js';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
}

/** What a foreign client sees: grpc-js on one endpoint, with a token if it has one. */
export class ServicesClient {
  readonly #client: Client;
  readonly #token: string | undefined;

  constructor(url: string, token?: string) {
    this.#client = new Client(new URL(url).host, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
    });
    this.#token = token;
  }

  close(): void {
    this.#client.close();
  }

  unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    { signal, deadlineMs }: CallOptions = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        method.path,
        (message: Request) => Buffer.from(method.request.encode(message)),
        (bytes: Buffer) => method.response.decode(bytes),
        request,
        this.#metadata(),
        deadlineMs === undefined ? {} : { deadline: new Date(Date.now() + deadlineMs) },
        (error, response) => (error === null ? resolve(response as Response) : reject(error)),
      );
      signal?.addEventListener('abort', () => call.cancel(), { once: true });
    });
  }

  stream<Request, Response>(
    method: DuplexMethod<Request, Response>,
    request: Request,
    isAll = false,
  ): Stream<Response> {
    const call = this.#client.makeBidiStreamRequest(
      method.path,
      (message: Request) => Buffer.from(method.request.encode(message)),
      (bytes: Buffer) => method.response.decode(bytes),
      this.#metadata(),
      {},
    );
    call.write(request);
    if (isAll) call.end();
    const stream = new Stream<Response>(() => call.cancel());
    call.on('data', (message: Response) => stream.push(message));
    call.on('error', (error: Error) => stream.end(error));
    call.on('end', () => stream.end(undefined));
    return stream;
  }

  lock(name: string, lease = 0n, options?: CallOptions) {
    return this.unary(lockMethods.lock, { name: utf8(name), lease }, options);
  }

  unlock(key: Bytes) {
    return this.unary(lockMethods.unlock, { key });
  }

  campaign(name: string, lease: bigint, value: string, options?: CallOptions) {
    return this.unary(electionMethods.campaign, { name: utf8(name), lease, value: utf8(value) }, options);
  }

  leader(name: string) {
    return this.unary(electionMethods.leader, { name: utf8(name) });
  }

  observe(name: string): Stream<LeaderResponse> {
    return this.stream(electionMethods.observe, { name: utf8(name) }, true);
  }

  async grant(ttl = 60n): Promise<bigint> {
    return (await this.unary(leaseMethods.grant, { ttl, id: 0n })).id;
  }

  revoke(id: bigint) {
    return this.unary(leaseMethods.revoke, { id });
  }

  put(key: string, value: string) {
    return this.unary(kvMethods.put, { key: utf8(key), value: utf8(value) });
  }

  async remove(key: Bytes | string): Promise<void> {
    await this.unary(kvMethods.deleteRange, { key: typeof key === 'string' ? utf8(key) : key });
  }

  async below(prefix: string): Promise<readonly KeyValue[]> {
    const key = utf8(prefix);
    return (await this.unary(kvMethods.range, { key, rangeEnd: prefixEnd(key) })).kvs;
  }

  /** Resolves when exactly so many keys are below `prefix`. Asks again at once: each answer is an event. */
  async untilBelow(prefix: string, count: number): Promise<readonly KeyValue[]> {
    for (;;) {
      const kvs = await this.below(prefix);
      if (kvs.length === count) return kvs;
    }
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    if (this.#token !== undefined) metadata.set('token', this.#token);
    return metadata;
  }
}

/** A stream as a queue of what came. */
export class Stream<Message> {
  readonly cancel: () => void;
  readonly #items: Message[] = [];
  #wake: () => void = () => {};
  #ended: { readonly error: Error | undefined } | undefined;

  constructor(cancel: () => void) {
    this.cancel = cancel;
  }

  push(message: Message): void {
    this.#items.push(message);
    this.#wake();
  }

  end(error: Error | undefined): void {
    this.#ended ??= { error };
    this.#wake();
  }

  /** The next message; rejects if the stream ends before it. */
  async next(): Promise<Message> {
    while (this.#items.length === 0) {
      if (this.#ended !== undefined) throw this.#ended.error ?? new Error('the stream ended in order');
      await this.#more();
    }
    return this.#items.shift() as Message;
  }

  /** What the stream ended with; undefined: in order. */
  async ended(): Promise<Error | undefined> {
    while (this.#ended === undefined) await this.#more();
    return this.#ended.error;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Code and text of a call that has to fail. */
export async function failure(call: Promise<unknown>): Promise<{ code: number; text: string }> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { code, text: details };
  }
  throw new Error('the call did not fail');
}

export function keyText(key: Bytes | undefined): string {
  return key === undefined ? '' : utf8Text(key);
}
