import { abortable, onAbort } from '../core/abort.js';
import { Cancellation } from '../core/cancellation.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { CallOptions } from '../store/store.js';
import type { AuthToken, Metadata } from './auth-token.js';
import type { Endpoints } from './endpoints.js';
import type { RpcChannel } from './rpc-channel.js';

/** One try of a call at one endpoint. */
export interface Attempt {
  readonly channel: RpcChannel;
  readonly metadata: Metadata;
  /** Aborts when the call is over for the caller. */
  readonly signal: Cancellation;
  /** Aborts when later calls should go another way; undefined: when this one is over. */
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
  readonly #active = new Set<Cancellation>();
  #closed: ConclaveError | undefined;

  constructor(endpoints: Endpoints, auth: AuthToken, runtime: Runtime, timeoutMs: number) {
    this.#endpoints = endpoints;
    this.#auth = auth;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
  }

  async run<T>(
    name: string,
    kind: CallKind,
    options: CallOptions | undefined,
    send: (attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    options?.signal?.throwIfAborted();
    const timeoutMs = options?.timeoutMs ?? this.#timeoutMs;
    if (!(timeoutMs >= 0)) {
      throw new ConclaveError('INVALID_ARGUMENT', `timeoutMs must be a number of at least 0, got ${timeoutMs}`);
    }
    const call = new Cancellation();
    const stopTimer = this.#runtime.setTimer(timeoutMs, () => call.abort(timedOut(name, timeoutMs)));
    const unlink = onAbort(options?.signal, (reason) => call.abort(reason));
    const patience = this.#patience(options?.patienceMs);
    this.#active.add(call);
    try {
      return await abortable(this.#overEndpoints({ kind, signal: call, patience: patience?.signal, send }), call);
    } finally {
      this.#active.delete(call);
      stopTimer();
      patience?.stopTimer();
      unlink();
    }
  }

  /** Rejects what is under way. */
  close(): void {
    this.#closed = new ConclaveError('CLOSED', 'the store is closed');
    const interrupted = new ConclaveError('CLOSED', 'the store was closed', { outcome: 'unknown' });
    for (const call of this.#active) call.abort(interrupted);
  }

  #patience(ms: number | undefined): { readonly signal: Cancellation; readonly stopTimer: () => void } | undefined {
    if (ms === undefined) return undefined;
    const signal = new Cancellation();
    return { signal, stopTimer: this.#runtime.setTimer(ms, () => signal.abort('not answered in time')) };
  }

  async #overEndpoints<T>(call: Call<T>): Promise<T> {
    const { kind, signal, patience } = call;
    // Bounded: each endpoint is tried once.
    for (let left = this.#endpoints.count - 1; ; left--) {
      const channel = this.#endpoints.current;
      const startedAtMs = this.#runtime.monotonicMs();
      const isSilent = () => this.#runtime.monotonicMs() - startedAtMs >= silentMs;
      const stopWaiting = onAbort(patience, () => {
        if (isSilent()) this.#endpoints.leave(channel);
      });
      try {
        return await this.#withToken(channel, call);
      } catch (error) {
        const failure = ConclaveError.from(error);
        const silent = signal.aborted && isSilent();
        if (failure.code === 'UNAVAILABLE' || silent) this.#endpoints.leave(channel);
        const repeatable = kind === 'read' || failure.outcome === 'not-applied';
        if (failure.code !== 'UNAVAILABLE' || !repeatable || left === 0 || signal.aborted) throw failure;
      } finally {
        stopWaiting();
      }
    }
  }

  async #withToken<T>(channel: RpcChannel, { signal, patience, send }: Call<T>): Promise<T> {
    const metadata = await this.#auth.metadata(channel);
    signal.throwIfAborted();
    try {
      return await send({ channel, metadata, signal, patience });
    } catch (error) {
      if (!this.#auth.refused(metadata, error)) throw error;
    }
    const renewed = await this.#auth.metadata(channel);
    signal.throwIfAborted();
    return send({ channel, metadata: renewed, signal, patience });
  }
}

function timedOut(name: string, timeoutMs: number): ConclaveError {
  return new ConclaveError('TIMEOUT', `${name}: no answer within ${timeoutMs} ms`, { outcome: 'unknown' });
}
