import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { WatchRequest, WatchResponse } from '../store/messages.js';
import { adminMethods } from './admin-methods.js';
import type { Metadata } from './auth-token.js';
import { cancelError } from './cancel-reason.js';
import { kvMethods, type UnaryMethod, watchMethods } from './methods.js';
import { ordersProgress } from './orders-progress.js';
import type { Duplex, RpcChannel } from './rpc-channel.js';
import type { WatchEntry } from './watch-entry.js';

export interface WatchStreamListener {
  /** The server holds `entry` now. */
  onCreated(entry: WatchEntry): void;
  /** The server refused or ended `entry`, which has not been told yet. */
  onRefused(entry: WatchEntry, error: ConclaveError): void;
  /** The stream is over; called once, not after `cancel`. */
  onLost(error: Error | undefined): void;
}

/** Answers to a request for progress go to all watches of the stream under this id. */
const everyWatch = -1n;

/** One Watch call, which carries any number of watches. */
export class WatchStream {
  readonly #listener: WatchStreamListener;
  readonly #runtime: Runtime;
  readonly #answerTimeoutMs: number;
  readonly #channel: RpcChannel;
  readonly #metadata: Metadata;
  readonly #call: Duplex<WatchRequest>;
  /** Asked for and not answered, in order: etcd answers in order, with ids of its own choice. Undefined: given up. */
  readonly #creating: (WatchEntry | undefined)[] = [];
  readonly #byId = new Map<bigint, WatchEntry>();
  /** Whether its answers about progress are in order with events: asked of the server once per stream. */
  #ordersProgress: Promise<boolean> | undefined;
  /** The store's revision, as a linearizable read tells it: asked when a member seems to be behind, once for all. */
  #present: Promise<bigint> | undefined;
  #stopTimer: () => void = () => {};
  #over = false;

  constructor(
    channel: RpcChannel,
    metadata: Metadata,
    runtime: Runtime,
    answerTimeoutMs: number,
    listener: WatchStreamListener,
  ) {
    this.#listener = listener;
    this.#channel = channel;
    this.#metadata = metadata;
    this.#runtime = runtime;
    this.#answerTimeoutMs = answerTimeoutMs;
    const duplexListener = {
      onMessage: (message: WatchResponse) => this.#receive(message),
      onEnd: (error: Error | undefined) => this.#lose(error),
    };
    const options = { metadata: { ...metadata, hasleader: 'true' } };
    this.#call = channel.duplex(watchMethods.watch, duplexListener, options);
  }

  add(entry: WatchEntry): void {
    this.#call.send({ type: 'create', request: entry.request() });
    this.#creating.push(entry);
    // It may have seen more than was there when that was asked.
    this.#present = undefined;
    if (this.#creating.length === 1) this.#awaitAnswer();
  }

  /** `entry` hears nothing more; the server is told, as soon as it has named the watch. */
  remove(entry: WatchEntry): void {
    const at = this.#creating.indexOf(entry);
    if (at >= 0) {
      this.#creating[at] = undefined;
      return;
    }
    for (const [watchId, each] of this.#byId) {
      if (each !== entry) continue;
      this.#byId.delete(watchId);
      this.#call.send({ type: 'cancel', watchId });
      return;
    }
  }

  /** Asks how far its watches have come; false: the server is not to be asked. */
  async requestProgress(): Promise<boolean> {
    this.#ordersProgress ??= this.#askVersion();
    const ordered = await this.#ordersProgress;
    if (ordered && !this.#over) this.#call.send({ type: 'progress' });
    return ordered;
  }

  cancel(): void {
    this.#over = true;
    this.#stopTimer();
    this.#call.cancel();
  }

  async #askVersion(): Promise<boolean> {
    try {
      return ordersProgress((await this.#ask(adminMethods.status, {})).version);
    } catch {
      // Whoever asks next asks anew.
      this.#ordersProgress = undefined;
      return false;
    }
  }

  /**
   * For a watch that goes on from beyond what the server has: a member that lags gets there, but a store that was
   * restored from an older backup, or made anew, has another history until then, of which the watch would hear nothing.
   */
  async #lookBack(entry: WatchEntry): Promise<void> {
    try {
      this.#present ??= this.#ask(kvMethods.range, { key: entry.key, countOnly: true }).then(
        (it) => it.header.revision,
      );
      const present = await this.#present;
      if (!this.#over && entry.isPast(present)) this.#listener.onRefused(entry, goneBack(present));
    } catch (error) {
      // As good as a watch that is left unanswered.
      this.#giveUp(ConclaveError.from(error));
    }
  }

  async #ask<Request, Response>(method: UnaryMethod<Request, Response>, request: Request): Promise<Response> {
    const late = new AbortController();
    const stopTimer = this.#runtime.setTimer(this.#answerTimeoutMs, () => late.abort());
    try {
      return await this.#channel.unary(method, request, { metadata: this.#metadata, signal: late.signal });
    } finally {
      stopTimer();
    }
  }

  #receive(response: WatchResponse): void {
    if (this.#over) return;
    if (response.created) {
      this.#receiveCreated(response);
    } else if (response.watchId === everyWatch && !response.canceled) {
      for (const entry of [...this.#byId.values()]) entry.progress(response.header.revision);
    } else {
      this.#receiveFor(response);
    }
  }

  #receiveCreated(response: WatchResponse): void {
    const entry = this.#creating.shift();
    this.#awaitAnswer();
    if (response.canceled) {
      if (entry !== undefined) this.#listener.onRefused(entry, cancelError(response));
    } else if (entry === undefined) {
      this.#call.send({ type: 'cancel', watchId: response.watchId });
    } else {
      this.#byId.set(response.watchId, entry);
      this.#listener.onCreated(entry);
      if (entry.isPast(response.header.revision)) void this.#lookBack(entry);
      entry.created(response.header.revision);
    }
  }

  /** Answers to watches that were given up find no entry. */
  #receiveFor(response: WatchResponse): void {
    const entry = this.#byId.get(response.watchId);
    if (entry === undefined) return;
    if (response.canceled) {
      this.#byId.delete(response.watchId);
      this.#listener.onRefused(entry, cancelError(response));
    } else {
      entry.response(response);
    }
  }

  /** A server that leaves a watch unanswered is as good as gone, though its connection may look well. */
  #awaitAnswer(): void {
    this.#stopTimer();
    if (this.#creating.length === 0 || this.#over) return;
    this.#stopTimer = this.#runtime.setTimer(this.#answerTimeoutMs, () =>
      this.#giveUp(new ConclaveError('UNAVAILABLE', `watch: no answer within ${this.#answerTimeoutMs} ms`)),
    );
  }

  #giveUp(error: ConclaveError): void {
    if (this.#over) return;
    this.#call.cancel();
    this.#lose(error);
  }

  #lose(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimer();
    this.#listener.onLost(error);
  }
}

/** `COMPACTED`, for what it asks of whoever watches: to read again, and to go on from there. */
function goneBack(present: bigint): ConclaveError {
  const message = `the store has gone back to revision ${present}: it was restored from a backup, or made anew`;
  return new ConclaveError('COMPACTED', message);
}
