import { type AnySignal, onAbort } from '../core/abort.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import type { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../store/messages.js';
import type { Metadata } from './auth-token.js';
import { leaseMethods } from './methods.js';
import type { Duplex, RpcChannel } from './rpc-channel.js';

/** A heartbeat that was sent. One that was given up keeps its place in the queue, so that answers are not mixed up. */
interface Beat {
  readonly answer: Deferred<LeaseKeepAliveResponse>;
  abandoned: boolean;
}

/** One LeaseKeepAlive call, which carries the heartbeats of any number of leases. */
export class KeepAliveStream {
  readonly channel: RpcChannel;
  readonly metadata: Metadata;
  readonly #call: Duplex<LeaseKeepAliveRequest>;
  readonly #onEnd: () => void;
  /** By lease, in the order sent: the server answers in order. */
  readonly #beats = new Map<bigint, Beat[]>();
  /** Beats that somebody waits for. */
  #waiting = 0;
  #retired = false;
  #ended = false;

  constructor(channel: RpcChannel, metadata: Metadata, onEnd: () => void) {
    this.channel = channel;
    this.metadata = metadata;
    this.#onEnd = onEnd;
    const listener = {
      onMessage: (message: LeaseKeepAliveResponse) => this.#answer(message),
      onEnd: (error: Error | undefined) => this.#end(lostBeat(channel, error)),
    };
    this.#call = channel.duplex(leaseMethods.keepAlive, listener, { metadata: { ...metadata, hasleader: 'true' } });
  }

  beat(id: bigint, signal: AnySignal): Promise<LeaseKeepAliveResponse> {
    const beat: Beat = { answer: deferred<LeaseKeepAliveResponse>(), abandoned: false };
    const queue = this.#beats.get(id);
    if (queue === undefined) this.#beats.set(id, [beat]);
    else queue.push(beat);
    this.#waiting += 1;
    const stopListening = onAbort(signal, (reason) => this.#abandon(beat, reason));
    this.#call.send({ id });
    return beat.answer.promise.finally(stopListening);
  }

  /** Takes no more beats, and ends when nobody waits for an answer any more. */
  retire(): void {
    this.#retired = true;
    if (this.#waiting === 0) this.cancel();
  }

  cancel(): void {
    this.#call.cancel();
    this.#end(new ConclaveError('CLOSED', 'the store was closed', { outcome: 'unknown' }));
  }

  #answer(message: LeaseKeepAliveResponse): void {
    const queue = this.#beats.get(message.id);
    const beat = queue?.shift();
    if (queue?.length === 0) this.#beats.delete(message.id);
    if (beat === undefined || beat.abandoned) return;
    beat.answer.resolve(message);
    this.#oneLess();
  }

  #abandon(beat: Beat, reason: unknown): void {
    if (beat.abandoned) return;
    beat.abandoned = true;
    beat.answer.reject(reason);
    this.#oneLess();
  }

  #oneLess(): void {
    this.#waiting -= 1;
    if (this.#retired && this.#waiting === 0) this.cancel();
  }

  #end(error: ConclaveError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    for (const queue of this.#beats.values()) for (const beat of queue) this.#abandon(beat, error);
    this.#beats.clear();
  }
}

/** What a beat without an answer fails with: the lease may have been renewed or not. */
function lostBeat(channel: RpcChannel, error: Error | undefined): ConclaveError {
  if (ConclaveError.is(error, 'UNAVAILABLE', 'UNAUTHENTICATED', 'PERMISSION_DENIED', 'UNSUPPORTED')) return error;
  const why = error === undefined ? 'ended' : `broke: ${error.message}`;
  const message = `${channel.endpoint}: the keepalive stream ${why}`;
  return new ConclaveError('UNAVAILABLE', message, { outcome: 'unknown', cause: error });
}
