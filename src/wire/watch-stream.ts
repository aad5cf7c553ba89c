import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { WatchRequest, WatchResponse } from '../store/messages.js';
import { adminMethods } from './admin-methods.js';
import type { Metadata } from './auth-token.js';
import { cancelError } from './cancel-reason.js';
import { watchMethods } from './methods.js';
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
    const late = new AbortController();
    const stopTimer = this.#runtime.setTimer(this.#answerTimeoutMs, () => late.abort());
    try {
      const options = { metadata: this.#metadata, signal: late.signal };
      const { version } = await this.#channel.unary(adminMethods.status, {}, options);
      return ordersProgress(version);
    } catch {
      // Whoever asks next asks anew.
      this.#ordersProgress = undefined;
      return false;
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
    this.#stopTimer = this.#runtime.setTimer(this.#answerTimeoutMs, () => {
      this.#call.cancel();
      this.#lose(new ConclaveError('UNAVAILABLE', `watch: no answer within ${this.#answerTimeoutMs} ms`));
    });
  }

  #lose(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimer();
    this.#listener.onLost(error);
  }
}
