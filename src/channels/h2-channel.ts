import { nextTick } from 'node:process';
import { onAbort } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { LocalSettings } from '../http2/settings.js';
import type { EndpointOptions } from '../http2-client/endpoint-options.js';
import { type H2Clock, hostClock } from '../http2-client/h2-clock.js';
import { H2Dialer } from '../http2-client/h2-dialer.js';
import { defaultPingAfterMs, isTooManyPings } from '../http2-client/h2-keepalive.js';
import { H2Link, type LinkListener } from '../http2-client/h2-link.js';
import { closedError } from '../http2-client/transport-error.js';
import { errorOfStatus, Status } from '../store/etcd-errors.js';
import type { Codec } from '../wire/codec/codec.js';
import type { DuplexMethod, UnaryMethod } from '../wire/methods.js';
import type { Duplex, DuplexListener, RpcChannel, RpcOptions } from '../wire/rpc-channel.js';
import { type AnswerReceiver, H2Call } from './h2-call.js';
import { H2Fields } from './h2-fields.js';

export interface H2ChannelOptions extends EndpointOptions {
  /** For tests. Default: real time. */
  readonly clock?: H2Clock | undefined;
}

/** Answers are taken as they come; the windows only bound what is under way. */
const settings: LocalSettings = {
  streamWindowBytes: 4 * 1024 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  maxHeaderListBytes: 64 * 1024,
};

/** After a failure to connect, calls fail at once for so long; doubled with each failure, up to the last. */
const firstBackoffMs = 100;
const lastBackoffMs = 1_000;

/**
 * One endpoint over HTTP/2 of our own, with a connection that is made by the first call.
 *
 * What a call fails with, and what the server can have done then:
 *
 * | what happens | code | outcome |
 * |---|---|---|
 * | no connection: refused, no such name, TLS, no greeting in 4 s; or so a moment ago | UNAVAILABLE | not-applied |
 * | the connection breaks or falls silent, the request not all written | UNAVAILABLE | not-applied |
 * | …, the request written | UNAVAILABLE | unknown |
 * | GOAWAY below its stream's number, REFUSED_STREAM before an answer | UNAVAILABLE | not-applied |
 * | any other reset, an answer that breaks HTTP/2 | UNAVAILABLE | unknown |
 * | an answer that is no gRPC or no such message | INTERNAL | unknown |
 * | a status of the server | as `errorOfStatus` has it | as it has it |
 * | cancelled by its signal | CANCELLED | unknown |
 * | the channel closed | UNAVAILABLE | not-applied if not all written, else unknown |
 *
 * Calls that have not begun when GOAWAY comes go to the next connection: nothing is ever sent twice.
 */
export class H2Channel implements RpcChannel, LinkListener<H2Call> {
  readonly endpoint: string;
  readonly #dialer: H2Dialer;
  readonly #fields: H2Fields;
  readonly #clock: H2Clock;
  /** The one that takes new calls. */
  #link: H2Link<H2Call> | undefined;
  /** All that have a socket. */
  readonly #links = new Set<H2Link<H2Call>>();
  #isClosed = false;
  #pingAfterMs = defaultPingAfterMs;
  #failures = 0;
  #failure: ConclaveError | undefined;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor({ clock = hostClock, ...options }: H2ChannelOptions) {
    this.endpoint = options.address;
    this.#clock = clock;
    this.#dialer = new H2Dialer(options);
    this.#fields = new H2Fields(this.#dialer.isSecure ? 'https' : 'http', this.#dialer.authority);
  }

  unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: RpcOptions,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const bytes = method.request.encode(request);
      this.#throwIfOver(options);
      const { signal, metadata } = options;
      const answer = new UnaryAnswer(this.endpoint, method.response, resolve, reject);
      const call = new H2Call(this.endpoint, this.#fields.of(method.path, metadata), bytes, answer);
      answer.stopListening = onAbort(signal, () => {
        call.cancel();
        reject(cancelledError());
      });
      this.#start(call);
    });
  }

  duplex<Request, Response>(
    method: DuplexMethod<Request, Response>,
    listener: DuplexListener<Response>,
    { signal, metadata }: RpcOptions,
  ): Duplex<Request> {
    this.#throwIfOver({ signal });
    let stopListening = () => {};
    const receiver: AnswerReceiver = {
      onMessage: (bytes, start, end) => listener.onMessage(method.response.decode(bytes, start, end)),
      onEnd: (error) => {
        stopListening();
        listener.onEnd(error === undefined ? undefined : ConclaveError.from(error));
      },
    };
    const call = new H2Call(this.endpoint, this.#fields.of(method.path, metadata), undefined, receiver);
    const cancel = () => {
      stopListening();
      call.cancel();
    };
    stopListening = onAbort(signal, () => {
      call.cancel();
      listener.onEnd(cancelledError());
    });
    this.#start(call);
    return {
      send: (message) => call.send(method.request.encode(message)),
      halfClose: () => call.halfClose(),
      cancel,
      pause: (isPaused) => call.pause(isPaused),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#link = undefined;
    for (const link of this.#links) link.close();
  }

  onReady(): void {
    this.#failures = 0;
  }

  onUnreachable(link: H2Link<H2Call>, error: ConclaveError): void {
    this.#forget(link);
    const pauseMs = Math.min(lastBackoffMs, firstBackoffMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#failure = error;
    // Clients that lost the same server are not to come back at the same moment.
    this.#retryAtMs = this.#clock.monotonicMs() + pauseMs * (0.8 + 0.4 * Math.random());
  }

  onRetired(link: H2Link<H2Call>, waiting: readonly H2Call[], code: number, text: string): void {
    this.#forget(link);
    if (isTooManyPings(code, text)) this.#pingAfterMs *= 2;
    for (const call of waiting) this.#start(call);
  }

  onClosed(link: H2Link<H2Call>): void {
    this.#links.delete(link);
  }

  #start(call: H2Call): void {
    const isPausing = this.#link === undefined && this.#clock.monotonicMs() < this.#retryAtMs;
    const link = this.#isClosed || isPausing ? undefined : (this.#link ?? this.#dial());
    if (link !== undefined) {
      link.start(call);
      return;
    }
    const failure = this.#isClosed ? closedError(this.endpoint, 'not-applied') : this.#failure;
    // Not before the caller has its call.
    nextTick(() => call.fail(failure));
  }

  /** Undefined: it has failed already. */
  #dial(): H2Link<H2Call> | undefined {
    const [endpoint, dialer, clock, pingAfterMs] = [this.endpoint, this.#dialer, this.#clock, this.#pingAfterMs];
    const link = new H2Link<H2Call>({ endpoint, dialer, clock, settings, pingAfterMs }, this);
    this.#link = link;
    this.#links.add(link);
    link.dial();
    return this.#link;
  }

  #forget(link: H2Link<H2Call>): void {
    if (this.#link === link) this.#link = undefined;
  }

  #throwIfOver({ signal }: RpcOptions): void {
    if (this.#isClosed) throw closedError(this.endpoint, 'not-applied');
    if (signal?.aborted === true) throw new ConclaveError('CANCELLED', 'the call was cancelled before it was sent');
  }
}

function cancelledError(): ConclaveError {
  return errorOfStatus(Status.cancelled, 'the call was cancelled');
}

/**
 * The one message of a unary call, which counts when its status is OK. One that cannot be read ends the call, whatever
 * the status would have been.
 */
class UnaryAnswer<Response> implements AnswerReceiver {
  stopListening: () => void = () => {};
  readonly #endpoint: string;
  readonly #codec: Codec<Response>;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;
  #response: Response | undefined;

  constructor(
    endpoint: string,
    codec: Codec<Response>,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ) {
    this.#endpoint = endpoint;
    this.#codec = codec;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onMessage(bytes: Bytes, start: number, end: number): void {
    if (this.#response !== undefined) throw this.#broken('more than one message');
    this.#response = this.#codec.decode(bytes, start, end);
  }

  onEnd(error: unknown): void {
    this.stopListening();
    try {
      if (error !== undefined) throw error;
      if (this.#response === undefined) throw this.#broken('no message');
      this.#resolve(this.#response);
    } catch (failure) {
      this.#reject(failure);
    }
  }

  #broken(what: string): ConclaveError {
    return new ConclaveError('INTERNAL', `${this.#endpoint}: an answer with ${what}`, { outcome: 'unknown' });
  }
}
