import { byChance, type Runtime } from '../../core/runtime.js';
import type { EngineHost } from '../../engine/engine-host.js';
import type { WatchStream } from '../../engine/watch-stream.js';
import { etcdError } from '../../store/etcd-errors.js';
import type { WatchRequest, WatchResponse } from '../../store/messages.js';
import { sharedWatchResponse } from '../../wire/codec/watch.js';
import { watchMethods } from '../../wire/methods.js';
import type { DuplexCall, DuplexHandler, DuplexReply } from '../../wire/rpc-service.js';

export interface WatchLimits {
  /** Interval of progress notifications. */
  readonly progressNotifyMs: number;
  /** Watches of one stream, and of all. */
  readonly maxWatchesPerStream: number;
  readonly maxWatches: number;
}

/** `etcdserverpb.Watch`. */
export function watchHandler(
  host: EngineHost,
  runtime: Runtime,
  limits: WatchLimits,
): DuplexHandler<WatchRequest, WatchResponse> {
  return {
    method: { ...watchMethods.watch, response: sharedWatchResponse() },
    open: (reply) => new WatchCall(host, runtime, limits, reply),
  };
}

/**
 * One stream of watches. Half-close does not end it (protocol.md section 2): events go on until the caller cancels or
 * its connection is gone. While the caller does not read, its watches wait and then catch up from history.
 */
class WatchCall implements DuplexCall<WatchRequest> {
  readonly #host: EngineHost;
  readonly #runtime: Runtime;
  readonly #limits: WatchLimits;
  readonly #reply: DuplexReply<WatchResponse>;
  readonly #stream: WatchStream;
  readonly #stopListening: () => void;
  readonly #watchIds = new Set<bigint>();
  #stopTimer: (() => void) | undefined;

  constructor(host: EngineHost, runtime: Runtime, limits: WatchLimits, reply: DuplexReply<WatchResponse>) {
    this.#host = host;
    this.#runtime = runtime;
    this.#limits = limits;
    this.#reply = reply;
    this.#stream = host.openWatchStream((response) => this.#emit(response));
    this.#stopListening = host.onClose(() => this.#onHostClose());
  }

  onMessage(request: WatchRequest): void {
    if (request.type === 'create') {
      const reason = this.#refusal();
      if (reason !== undefined) {
        this.#refuse(reason);
        return;
      }
      if (request.request.progressNotify === true) this.#startTimer();
    }
    this.#stream.handle(request);
  }

  onHalfClose(): void {}

  onBackpressure(isFull: boolean): void {
    if (isFull) this.#stream.pause();
    else this.#stream.resume();
  }

  onCancel(): void {
    this.#stopListening();
    this.#stopTimer?.();
    this.#stream.close();
  }

  #onHostClose(): void {
    this.#stopTimer?.();
    this.#reply.end(etcdError('stopped'));
  }

  #emit(response: WatchResponse): void {
    if (response.canceled) this.#watchIds.delete(response.watchId);
    else if (response.created) this.#watchIds.add(response.watchId);
    this.#reply.send(response);
  }

  #refusal(): string | undefined {
    const { maxWatchesPerStream, maxWatches } = this.#limits;
    if (this.#watchIds.size >= maxWatchesPerStream)
      return `conclave: more than ${maxWatchesPerStream} watches on a stream`;
    if (this.#host.stats().watchers >= maxWatches) return `conclave: more than ${maxWatches} watches`;
    return undefined;
  }

  /** As etcd refuses watches: the stream goes on. */
  #refuse(cancelReason: string): void {
    const flags = { created: true, canceled: true, compactRevision: 0n, fragment: false, events: [] };
    this.#reply.send({ header: this.#host.engine.header(), watchId: -1n, cancelReason, ...flags });
  }

  #startTimer(): void {
    this.#stopTimer ??= every(this.#runtime, this.#limits.progressNotifyMs, () => this.#stream.progressTick());
  }
}

/** Calls `fn` at intervals of `periodMs` and up to a tenth more, so that streams made together drift apart. */
function every(runtime: Runtime, periodMs: number, fn: () => void): () => void {
  let stopTimer = () => {};
  const arm = () => {
    stopTimer = runtime.setTimer(periodMs * (1 + byChance(runtime) / 10), () => {
      arm();
      fn();
    });
  };
  arm();
  return () => stopTimer();
}
