import { ConclaveError, type ErrorCode } from '../core/errors.js';
import { byChance, type Runtime } from '../core/runtime.js';
import type { AuthToken, Metadata } from './auth-token.js';
import type { Endpoints } from './endpoints.js';
import type { RpcChannel } from './rpc-channel.js';
import type { WatchEntry } from './watch-entry.js';
import { WatchStream } from './watch-stream.js';

export interface WatchLaneContext {
  readonly endpoints: Endpoints;
  readonly auth: AuthToken;
  readonly runtime: Runtime;
  /** Milliseconds after which a stream that does not answer is given up. */
  readonly answerTimeoutMs: number;
}

/** Each state is an object of its own, so that what comes late can tell whether it still counts. */
type State =
  /** Without watches. */
  | { readonly type: 'idle' }
  /** Waits for the token. */
  | { readonly type: 'opening' }
  | { readonly type: 'open'; readonly stream: WatchStream }
  /** Waits before it opens a stream again. */
  | { readonly type: 'waiting'; readonly stopTimer: () => void };

const firstBackoffMs = 50;
const lastBackoffMs = 1_000;
/** A token may be refused this often before the refusal is believed. */
const refusalsMax = 2;

/** What no other endpoint and no later time will change. */
const finalCodes: readonly ErrorCode[] = [
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'UNSUPPORTED',
  'INVALID_ARGUMENT',
  'CLOSED',
];

/** The watches of one lane and the stream they share, which is opened again for as long as there are watches. */
export class WatchLane {
  readonly #context: WatchLaneContext;
  readonly #entries = new Set<WatchEntry>();
  #state: State = { type: 'idle' };
  /** Streams lost in a row. */
  #losses = 0;
  /** Tokens refused in a row. */
  #refusals = 0;

  constructor(context: WatchLaneContext) {
    this.#context = context;
  }

  add(entry: WatchEntry): void {
    this.#entries.add(entry);
    if (this.#state.type === 'open') this.#state.stream.add(entry);
    else if (this.#state.type === 'idle') this.#open();
  }

  remove(entry: WatchEntry): void {
    if (!this.#entries.delete(entry)) return;
    if (this.#entries.size === 0) this.#shut();
    else if (this.#state.type === 'open') this.#state.stream.remove(entry);
  }

  /** Without a stream there is nobody to ask, and whoever asks will ask again. */
  async requestProgress(): Promise<boolean> {
    return this.#state.type !== 'open' || this.#state.stream.requestProgress();
  }

  /** Ends every watch with `error`. */
  close(error: ConclaveError): void {
    const entries = [...this.#entries];
    this.#entries.clear();
    this.#shut();
    for (const entry of entries) entry.end(error);
  }

  #shut(): void {
    const state = this.#state;
    this.#state = { type: 'idle' };
    if (state.type === 'open') state.stream.cancel();
    else if (state.type === 'waiting') state.stopTimer();
  }

  #open(): void {
    const { auth, endpoints } = this.#context;
    const opening: State = { type: 'opening' };
    this.#state = opening;
    const channel = endpoints.current;
    auth.metadata(channel).then(
      (metadata) => {
        if (this.#state === opening) this.#start(channel, metadata);
      },
      (error) => {
        if (this.#state === opening) this.#lost(channel, error);
      },
    );
  }

  #start(channel: RpcChannel, metadata: Metadata): void {
    const { runtime, answerTimeoutMs } = this.#context;
    let stream: WatchStream;
    try {
      stream = new WatchStream(channel, metadata, runtime, answerTimeoutMs, {
        onCreated: () => {
          this.#losses = 0;
          this.#refusals = 0;
        },
        onRefused: (entry, error) => this.#refused(stream, channel, metadata, entry, error),
        onLost: (error) => this.#streamLost(stream, channel, metadata, error),
      });
    } catch (error) {
      this.#lost(channel, error);
      return;
    }
    this.#state = { type: 'open', stream };
    for (const entry of this.#entries) stream.add(entry);
  }

  /** One watch was ended by the server. If that was for the token, all of them move to a stream with a new one. */
  #refused(
    stream: WatchStream,
    channel: RpcChannel,
    metadata: Metadata,
    entry: WatchEntry,
    error: ConclaveError,
  ): void {
    if (this.#refusals < refusalsMax && this.#context.auth.refused(metadata, error)) {
      stream.cancel();
      this.#lost(channel, error, true);
    } else if (this.#entries.has(entry)) {
      this.remove(entry);
      entry.end(error);
    }
  }

  #streamLost(stream: WatchStream, channel: RpcChannel, metadata: Metadata, error: Error | undefined): void {
    if (this.#state.type !== 'open' || this.#state.stream !== stream) return;
    const refused = this.#context.auth.refused(metadata, error);
    this.#context.auth.forget();
    this.#lost(channel, error, refused);
  }

  #lost(channel: RpcChannel, error: unknown, refused = false): void {
    this.#state = { type: 'idle' };
    if (this.#entries.size === 0) return;
    if (refused && this.#refusals < refusalsMax) {
      this.#refusals += 1;
    } else if (ConclaveError.is(error, ...finalCodes)) {
      this.close(error);
      return;
    } else {
      this.#context.endpoints.leave(channel);
    }
    this.#losses += 1;
    const stopTimer = this.#context.runtime.setTimer(this.#backoffMs(), () => this.#open());
    this.#state = { type: 'waiting', stopTimer };
  }

  /** Doubles from loss to loss; between half and all of it, so that clients of a restarted server come one by one. */
  #backoffMs(): number {
    const fullMs = Math.min(lastBackoffMs, firstBackoffMs * 2 ** Math.min(this.#losses - 1, 10));
    return fullMs * (0.5 + byChance(this.#context.runtime) / 2);
  }
}
