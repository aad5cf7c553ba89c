import { EventEmitter } from 'eventemitter3';
import { abortable, onAbort, type WaitOptions, withDeadline } from '../core/abort.js';
import { latin1, utf8Text } from '../core/bytes.js';
import { callUser } from '../core/call-user.js';
import { deferredOnce } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { Readers } from '../core/readers.js';
import type { Share } from '../core/shared.js';
import type { RecipeContext } from '../line/context.js';
import { defaultStaleAfterMs, Freshness } from '../store/freshness.js';
import { selected } from '../store/key-or-prefix.js';
import type { KeyValue } from '../store/messages.js';
import type { Mirror, MirrorChange } from '../store/mirror.js';
import { bytesOf, type Text } from '../store/ops.js';
import type { SharedMirrors } from '../store/shared-mirrors.js';
import { type CacheChange, changeOf, merged } from './cache-change.js';
import { CacheView } from './cache-view.js';
import { type CacheEntry, Decoding, type DecodingOptions } from './decoding.js';

export interface CacheOptions<T> extends DecodingOptions<T> {
  /** Ends the cache. */
  readonly signal?: AbortSignal | undefined;
  /** The cache is stale when the store has not been heard for that long, in milliseconds. Default: 15,000. */
  readonly staleAfterMs?: number | undefined;
}

/** How new the state must be that `read` resolves to. Default: what is shown now, or the first one. */
export interface ReadOptions extends WaitOptions {
  /** It has everything that was acknowledged to anybody before the call. */
  readonly consistent?: boolean | undefined;
  /** It has everything that was acknowledged so many milliseconds before the call. */
  readonly maxStaleMs?: number | undefined;
  /** It has everything up to this revision, which an answer of the store has told: `put` returns one. */
  readonly minRevision?: bigint | undefined;
}

export interface CacheEvents<T> {
  change: [change: CacheChange<T>];
  /** The store was not heard for long; or it was heard again. */
  stale: [stale: boolean];
  /** A value that cannot be read: its key is not shown. */
  invalid: [key: string, reason: string];
  end: [error: ConclaveError];
}

/** A reader that falls this many changes behind gets them as one. */
const changesLimit = 1024;

/** All keys with a prefix in memory, as of one revision. README.md beside this file says what it promises. */
export class Cache<T> implements AsyncDisposable {
  readonly prefix: string;
  readonly events = new EventEmitter<CacheEvents<T>>();
  readonly #context: RecipeContext;
  readonly #share: Share<Mirror>;
  readonly #decoding: Decoding<T>;
  readonly #freshness: Freshness;
  readonly #ready = deferredOnce();
  readonly #readers = new Readers<CacheChange<T>>(changesLimit, merged);
  readonly #ended = new AbortController();
  readonly #releases: (() => void)[] = [];
  /** A copy of what is shown; undefined: not since the last change. */
  #items: ReadonlyMap<string, KeyValue> | undefined;
  #view: CacheView<T> | undefined;

  /** @internal `conclave.cache` makes them. */
  constructor(context: RecipeContext, mirrors: SharedMirrors, prefix: Text, options: CacheOptions<T> = {}) {
    const { signal, staleAfterMs = defaultStaleAfterMs } = options;
    checkNumber('staleAfterMs', staleAfterMs);
    this.prefix = utf8Text(bytesOf(prefix));
    this.#context = context;
    this.#decoding = new Decoding(options, (key, reason) => this.#emit('invalid', key, reason));
    // Nobody may be waiting when it ends.
    this.#ready.promise.catch(() => {});
    this.#share = mirrors.subscribe(selected({ prefix }), {
      onChange: (change) => this.#changed(change),
      onEnd: (error) => this.#end(error),
    });
    this.#freshness = new Freshness(context.runtime, staleAfterMs, this.#share.shared, (stale) =>
      this.#emit('stale', stale),
    );
    this.#releases.push(this.#freshness.start(), () => this.#share.unsubscribe());
    if (this.#mirror.revision !== 0n) this.#ready.resolve();
    this.#releases.push(onAbort(signal, (reason) => this.#end(reason as ConclaveError)));
  }

  /**
   * The whole key, with the prefix, as shown now; undefined: it is not there, or cannot be read.
   * @throws ConclaveError `FAILED_PRECONDITION` before the first state is there; how the cache has ended.
   */
  get(key: Text): CacheEntry<T> | undefined {
    this.#assertShown();
    return this.#decoding.entryOf(this.#mirror.items.get(latin1(bytesOf(key))));
  }

  /** What is shown now, to keep. Throws as `get`. */
  get view(): CacheView<T> {
    this.#assertShown();
    const revision = this.#mirror.told;
    if (this.#view?.revision !== revision || this.#items === undefined) {
      this.#items ??= new Map(this.#mirror.items);
      this.#view = new CacheView(revision, this.#items, this.#decoding);
    }
    return this.#view;
  }

  /** What is shown is the state as of this revision of the store; 0n: nothing is shown yet. */
  get revision(): bigint {
    return this.#mirror.told;
  }

  /** Why values cannot be read, by their key. */
  get problems(): ReadonlyMap<string, string> {
    const found = [...this.#mirror.items.values()].map(
      (kv) => [utf8Text(kv.key), this.#decoding.problemOf(kv)] as const,
    );
    return new Map(found.filter((each): each is readonly [string, string] => each[1] !== undefined));
  }

  /** Milliseconds since the store was last heard: what is shown may be that old. `read` knows better. */
  get staleMs(): number {
    return this.#mirror.silentMs;
  }

  get stale(): boolean {
    return this.#ended.signal.aborted || this.revision === 0n || this.#freshness.stale;
  }

  /**
   * Resolves when the first state is there.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `CLOSED`, what the store refuses.
   */
  async ready(options: WaitOptions = {}): Promise<void> {
    await this.read(options);
  }

  /**
   * What is shown as soon as it is as new as asked for. The default takes no round trip; `consistent` takes one, and
   * mostly a second; so does `maxStaleMs`, unless somebody has taken them since; `minRevision` takes one if the change
   * is not here yet.
   * @throws as `ready`; ConclaveError `INVALID_ARGUMENT`.
   */
  async read(options: ReadOptions = {}): Promise<CacheView<T>> {
    const { consistent = false, maxStaleMs, minRevision = 0n } = options;
    if (maxStaleMs !== undefined) checkNumber('maxStaleMs', maxStaleMs);
    if (typeof minRevision !== 'bigint' || minRevision < 0n || minRevision >= revisionEnd) {
      throw new ConclaveError(
        'INVALID_ARGUMENT',
        `minRevision must be a bigint from 0n to 2^63 - 1, got ${minRevision}`,
      );
    }
    return withDeadline(this.#context.runtime, `the cache of ${this.prefix}`, options, async (signal) => {
      const wait = (promise: Promise<void>) => abortable(abortable(promise, this.#ended.signal), signal);
      await wait(this.#ready.promise);
      if (this.#mirror.told < minRevision) await wait(this.#mirror.catchUp(minRevision, signal));
      const stale = maxStaleMs !== undefined && this.#mirror.provenMs >= maxStaleMs - marginMs(maxStaleMs);
      if (consistent || stale) await wait(this.#mirror.catchUp());
      return this.view;
    });
  }

  /**
   * Every change from this call on, in order, of what `view` shows at this call. An abort throws `signal.reason`. A
   * reader that falls 1,024 changes behind gets them as one, marked as `resync`.
   */
  changes(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<CacheChange<T>, void, undefined> {
    return this.#readers.read(options.signal);
  }

  /** Gives everything back. Idempotent. */
  close(): void {
    this.#end(new ConclaveError('CLOSED', `the cache of ${this.prefix} was closed`));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  get #mirror(): Mirror {
    return this.#share.shared;
  }

  #assertShown(): void {
    this.#ended.signal.throwIfAborted();
    if (this.revision !== 0n) return;
    throw new ConclaveError('FAILED_PRECONDITION', `the cache of ${this.prefix} is empty yet, await ready()`);
  }

  #changed(change: MirrorChange): void {
    this.#items = undefined;
    this.#ready.resolve();
    const told = changeOf(change, this.#decoding);
    if (told.keys.length === 0) return;
    this.#readers.tell(told);
    this.#emit('change', told);
  }

  #emit<E extends keyof CacheEvents<T>>(event: E, ...args: CacheEvents<T>[E]): void {
    callUser(() => this.events.emit(event, ...(args as never)));
  }

  #end(error: ConclaveError): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(error);
    for (const release of this.#releases.splice(0)) release();
    this.#ready.reject(error);
    this.#readers.end(error);
    this.#emit('end', error);
  }
}

/** etcd counts in 64 bits, with a sign. */
const revisionEnd = 1n << 63n;

/** Room for a clock that runs slowly. */
function marginMs(ms: number): number {
  return ms / 100;
}

function checkNumber(name: string, value: number): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new ConclaveError('INVALID_ARGUMENT', `${name} must be a number of at least 0, got ${String(value)}`);
}
