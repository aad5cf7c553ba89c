import { onAbort } from '../core/abort.js';
import { Cancellation } from '../core/cancellation.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { CallOptions } from '../store/store.js';
import type { AuthToken, Metadata } from './auth-token.js';
import type { Endpoints } from './endpoints.js';
import type { RpcChannel } from './rpc-channel.js';

/** One try of a call at one endpoint, and the options that it is sent with. */
export interface Attempt {
  readonly channel: RpcChannel;
  readonly metadata: Metadata;
  /** Aborts when the call is over for the caller. */
  readonly signal: Cancellation;
  /** Aborts when later calls should go another way, and has not yet; undefined: when this one is over. */
  readonly patience: Cancellation | undefined;
}

/**
 * `read`: may be sent to one endpoint after another. `write`: goes to another endpoint only if it is certain that the
 * one before has not applied it (etcd #14890: a repeated txn was applied twice).
 */
export type CallKind = 'read' | 'write';

/** What one call is made of, whichever endpoint it goes to. */
interface Call<T> {
  readonly kind: CallKind;
  readonly signal: Cancellation;
  readonly patience: Cancellation | undefined;
  readonly send: (attempt: Attempt) => Promise<T>;
}

/** An endpoint that left a call unanswered for this long is not asked next. */
const silentMs = 500;

/** Gives every call its deadline, its endpoint and its token. */
export class Calls {
  readonly #endpoints: Endpoints;
  readonly #auth: AuthToken;
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #closing = new Cancellation();

  constructor(endpoints: Endpoints, auth: AuthToken, runtime: Runtime, timeoutMs: number) {
    this.#endpoints = endpoints;
    this.#auth = auth;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
  }

  /** `path`: of the method, for messages. */
  run<T>(
    path: string,
    kind: CallKind,
    options: CallOptions | undefined,
    send: (attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closing.aborted) throw new ConclaveError('CLOSED', 'the store is closed');
      options?.signal?.throwIfAborted();
      const timeoutMs = options?.timeoutMs ?? this.#timeoutMs;
      if (!(timeoutMs >= 0)) {
        throw new ConclaveError('INVALID_ARGUMENT', `timeoutMs must be a number of at least 0, got ${timeoutMs}`);
      }
      const signal = new Cancellation();
      const stopTimer = this.#runtime.setTimer(timeoutMs, () => signal.abort(timedOut(path, timeoutMs)));
      const abort = (reason: unknown) => signal.abort(reason);
      const unlink = onAbort(options?.signal, abort);
      const unlinkClosing = onAbort(this.#closing, abort);
      const patience = this.#patience(options?.patienceMs);
      const over = () => {
        stopTimer();
        unlink();
        unlinkClosing();
        patience?.stopTimer();
      };
      onAbort(signal, (reason) => {
        over();
        reject(reason);
      });
      this.#overEndpoints({ kind, signal, patience: patience?.signal, send }).then(
        (answer) => {
          over();
          resolve(answer);
        },
        (error: unknown) => {
          over();
          reject(error);
        },
      );
    });
  }

  /** Rejects what is under way. */
  close(): void {
    this.#closing.abort(new ConclaveError('CLOSED', 'the store was closed', { outcome: 'unknown' }));
  }

  #patience(ms: number | undefined): { readonly signal: Cancellation; readonly stopTimer: () => void } | undefined {
    if (ms === undefined) return undefined;
    const signal = new Cancellation();
    return { signal, stopTimer: this.#runtime.setTimer(ms, () => signal.abort('not answered in time')) };
  }

  async #overEndpoints<T>({ kind, signal, patience, send }: Call<T>): Promise<T> {
    let left = this.#endpoints.count - 1;
    // Bounded: each endpoint is tried once, and once more with a new token.
    for (let renewed = false; ; ) {
      const channel = this.#endpoints.current;
      const startedAtMs = this.#runtime.monotonicMs();
      const stopWaiting = onAbort(patience, () => this.#leaveIfSilent(channel, startedAtMs));
      let metadata = this.#auth.known;
      try {
        metadata ??= await this.#auth.metadata(channel);
        signal.throwIfAborted();
        return await send({ channel, metadata, signal, patience: unspent(patience) });
      } catch (error) {
        if (!renewed && metadata !== undefined && this.#auth.refused(metadata, error)) {
          renewed = true;
          continue;
        }
        const failure = ConclaveError.from(error);
        if (failure.code === 'UNAVAILABLE') this.#endpoints.leave(channel);
        // The question for a token has a time of its own, which may be shorter than the call's.
        else if (signal.aborted || failure.code === 'TIMEOUT') this.#leaveIfSilent(channel, startedAtMs);
        const repeatable = kind === 'read' || failure.outcome === 'not-applied';
        if (failure.code !== 'UNAVAILABLE' || !repeatable || left === 0 || signal.aborted) throw failure;
        renewed = false;
        left -= 1;
      } finally {
        stopWaiting();
      }
    }
  }

  #leaveIfSilent(channel: RpcChannel, sinceMs: number): void {
    if (this.#runtime.monotonicMs() - sinceMs >= silentMs) this.#endpoints.leave(channel);
  }
}

/** Whoever has used up a call's patience has been left for it; the one that is asked instead has done nothing yet. */
function unspent(patience: Cancellation | undefined): Cancellation | undefined {
  return patience?.aborted === true ? undefined : patience;
}

function timedOut(path: string, timeoutMs: number): ConclaveError {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return new ConclaveError('TIMEOUT', `${name}: no answer within ${timeoutMs} ms`, { outcome: 'unknown' });
}
