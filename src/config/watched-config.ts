import { EventEmitter } from 'eventemitter3';
import { abortable, type WaitOptions, withDeadline } from '../core/abort.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { samePlain } from '../core/plain.js';
import { Readers } from '../core/readers.js';
import type { Runtime } from '../core/runtime.js';
import type { HistoryEntry, HistoryOptions } from '../versions/history.js';
import { type ConfigChange, type ConfigProblem, type DeepReadonly, describeIssues } from './change.js';
import type { LayerName, Sources } from './layers.js';

/**
 * `live`: it is what the store has, as far as is known; `stale`: the store has not been heard for long, or was not
 * there at the start; `invalid`: what the store has is refused, and the last good value is shown.
 */
export type ConfigStatus = 'live' | 'stale' | 'invalid';

export interface ConfigEvents<T> {
  change: [change: ConfigChange<T>];
  invalid: [problem: ConfigProblem];
  status: [status: ConfigStatus];
  /** Nothing more is shown: it was closed, or its signal aborted, with what that says, or the connection was. */
  end: [reason: unknown];
  /** The snapshot could not be read or written: that endangers nothing but the next start without the store. */
  snapshotFailed: [error: unknown];
  /** A listener or a callback threw. Unless somebody listens here that is an uncaught exception, as usual. */
  listenerFailed: [error: unknown];
}

/** What is shown, and from where. */
export interface Shown {
  readonly value: unknown;
  readonly revision: bigint;
  readonly sources: () => Sources;
}

/** What a handle asks of its feed. */
export interface FeedView {
  readonly shown: Shown | undefined;
  readonly problem: ConfigProblem | undefined;
  readonly status: ConfigStatus;
  readonly staleMs: number;
  close(): Promise<void>;
}

/** A reader that falls this many changes behind loses the oldest, never the newest. */
const changesLimit = 1024;

/** Configuration that follows the store: typed, valid, whole revisions at a time. */
export class WatchedConfig<T> implements AsyncDisposable {
  /** As its user called it. */
  readonly name: string;
  readonly events = new EventEmitter<ConfigEvents<T>>();
  readonly #runtime: Runtime;
  readonly #feed: FeedView;
  readonly #history: (options: HistoryOptions) => Promise<readonly HistoryEntry[]>;
  readonly #readers = new Readers<ConfigChange<T>>(changesLimit);
  readonly #selections = new Set<(change: ConfigChange<T>) => void>();
  #first: Deferred<void> = deferred();
  #told: ConfigStatus | undefined;
  #over: ConclaveError | undefined;
  /** What ends with it, and how that goes. */
  readonly #companions: (() => Promise<void>)[] = [];
  #ending: Promise<unknown> | undefined;

  /** @internal `config.watch` makes them. */
  constructor(
    runtime: Runtime,
    name: string,
    feed: (handle: WatchedConfig<T>) => FeedView,
    history: (options: HistoryOptions) => Promise<readonly HistoryEntry[]>,
  ) {
    this.#runtime = runtime;
    this.name = name;
    this.#history = history;
    // Nobody may be waiting when it ends.
    this.#first.promise.catch(() => {});
    this.#feed = feed(this);
  }

  /**
   * Frozen all through; a new object for each change, the old one stays as it is.
   * @throws ConclaveError as `ready()` rejects, or `FAILED_PRECONDITION` before the first value is there.
   */
  get value(): DeepReadonly<T> {
    const { shown } = this.#feed;
    if (shown !== undefined) return shown.value as DeepReadonly<T>;
    throw this.#refusal() ?? this.#over ?? notYet(this.name);
  }

  /** The store's revision of the last change that is shown; 0n: none is. */
  get revision(): bigint {
    return this.#feed.shown?.revision ?? 0n;
  }

  get status(): ConfigStatus {
    return this.#feed.status;
  }

  /** Milliseconds since the store was last heard: what is shown may be that old. */
  get staleMs(): number {
    return this.#feed.staleMs;
  }

  /** Why what the store has is not shown; undefined: it is. */
  get problem(): ConfigProblem | undefined {
    return this.#feed.problem;
  }

  /** Which layer each value comes from, by its place in the whole before the schema: `db/host`. */
  get sources(): Sources {
    return this.#feed.shown?.sources() ?? new Map<string, LayerName>();
  }

  /**
   * Resolves when there is a value.
   * @throws `signal.reason` itself; ConclaveError `INVALID_VALUE` when the store's first state is refused and nothing
   * takes its place, `TIMEOUT`, `CLOSED`, what the store refuses.
   */
  async ready(options: WaitOptions = {}): Promise<void> {
    if (this.#feed.shown !== undefined) return;
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    const what = `the first value of ${JSON.stringify(this.name)}`;
    await withDeadline(this.#runtime, what, options, (signal) => abortable(this.#first.promise, signal));
  }

  /**
   * Every change from this call on, in order. An abort throws `signal.reason`; a reader that is slow misses the oldest.
   */
  changes(options: Pick<WaitOptions, 'signal'> = {}): AsyncGenerator<ConfigChange<T>, void, undefined> {
    return this.#readers.read(options.signal);
  }

  /**
   * Calls `callback` whenever what `pick` takes of the value has become another; what is equal in all its members is no
   * other. Returns the function that ends it.
   */
  select<U>(
    pick: (value: DeepReadonly<T>) => U,
    callback: (now: U, before: U | undefined, change: ConfigChange<T>) => void,
  ): () => void {
    let last = this.#feed.shown === undefined ? undefined : pick(this.value);
    const look = (change: ConfigChange<T>) => {
      const now = pick(change.current);
      if (samePlain(now, last)) return;
      const before = last;
      last = now;
      callback(now, before, change);
    };
    this.#selections.add(look);
    return () => this.#selections.delete(look);
  }

  /** What was written through `config`, the newest first. See `Config.history`. */
  history(options: HistoryOptions = {}): Promise<readonly HistoryEntry[]> {
    return this.#history(options);
  }

  /** Gives everything back; resolves when a snapshot that is being written is on disk. Idempotent. */
  async close(): Promise<void> {
    this.ended(new ConclaveError('CLOSED', `${this.name}: the watch was closed`));
    await this.#feed.close();
    await this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal The feed shows something else. */
  changed(change: ConfigChange<T>): void {
    this.#first.resolve();
    for (const look of [...this.#selections]) this.#tell(() => look(change));
    this.#tell(() => this.events.emit('change', change));
    this.#readers.tell(change);
    this.turned();
  }

  /** @internal The feed refuses what the store has. */
  refused(problem: ConfigProblem): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      this.#first.reject(refusal);
      // Who asks from now on waits for better.
      this.#first = deferred();
      this.#first.promise.catch(() => {});
    }
    this.#tell(() => this.events.emit('invalid', problem));
    this.turned();
  }

  /** @internal The status may be another. */
  turned(): void {
    const { status } = this.#feed;
    if (status === this.#told || this.#over !== undefined) return;
    this.#told = status;
    this.#tell(() => this.events.emit('status', status));
  }

  /** @internal For good. */
  ended(error: ConclaveError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#first.reject(error);
    this.#readers.end(error);
    this.#tell(() => this.events.emit('end', error));
    this.#ending = Promise.all(this.#companions.map((stop) => stop()));
  }

  /** @internal `stop`, which must not reject, is called at the end. */
  with(stop: () => Promise<void>): void {
    this.#companions.push(stop);
  }

  /** @internal */
  snapshotFailed(error: unknown): void {
    this.#tell(() => this.events.emit('snapshotFailed', error));
  }

  #refusal(): ConclaveError | undefined {
    const { shown, problem } = this.#feed;
    if (shown !== undefined || problem === undefined) return undefined;
    const message = `${this.name} at revision ${problem.revision}: ${describeIssues(problem.issues)}`;
    return new ConclaveError('INVALID_VALUE', message, { cause: problem });
  }

  /** Listeners are the user's: one that throws disturbs nothing here. */
  #tell(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      if (this.events.listenerCount('listenerFailed') > 0) this.events.emit('listenerFailed', error);
      else queueMicrotask(() => rethrow(error));
    }
  }
}

/** As any listener's error that nobody handles. */
function rethrow(error: unknown): never {
  throw error;
}

function notYet(name: string): ConclaveError {
  return new ConclaveError('FAILED_PRECONDITION', `${name}: no value is there yet, await ready()`);
}
