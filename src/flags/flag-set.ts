import { EventEmitter } from 'eventemitter3';
import { abortable, onAbort, type WaitOptions, withDeadline } from '../core/abort.js';
import { utf8Text } from '../core/bytes.js';
import { callUser } from '../core/call-user.js';
import { deferredOnce } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { isPlainObject, type Plain, parsePlain, samePlain } from '../core/plain.js';
import type { Share } from '../core/shared.js';
import type { RecipeContext } from '../line/context.js';
import { defaultStaleAfterMs, Freshness } from '../store/freshness.js';
import type { KeyValue } from '../store/messages.js';
import type { KeyChange, Mirror, MirrorChange } from '../store/mirror.js';
import type { SharedMirrors } from '../store/shared-mirrors.js';
import { type Evaluators, hasRefs, resolveRefs } from './evaluators.js';
import { type FlagDefinition, flawOf } from './flag.js';
import { allFlags, evaluatorsName, metadataName, nameOf } from './names.js';

/** One change of the flags. */
export interface FlagsChange {
  readonly revision: bigint;
  /** Keys of flags that are another now, came or went; of the first state all. */
  readonly flagsChanged: readonly string[];
  /** Events were missed: all that differs, in one step. */
  readonly resync: boolean;
}

export interface FlagSetEvents {
  change: [change: FlagsChange];
  /** The store was not heard for long; or it was heard again. */
  stale: [stale: boolean];
  /** A definition cannot be used: the last good one of that flag stays, and the other flags are not touched. */
  invalid: [key: string, reason: string];
  end: [error: ConclaveError];
}

export interface FlagSetOptions {
  /** Ends it whenever it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Flags are stale when the store has not been heard for that long, in milliseconds. Default: 15,000. */
  readonly staleAfterMs?: number | undefined;
}

type Metadata = NonNullable<FlagDefinition['metadata']>;

/** All flags, as they are now: a change costs the reading of the flags that it changes. */
export class FlagSet implements AsyncDisposable {
  readonly events = new EventEmitter<FlagSetEvents>();
  readonly #context: RecipeContext;
  readonly #share: Share<Mirror>;
  readonly #freshness: Freshness;
  readonly #ready = deferredOnce();
  readonly #releases: (() => void)[];
  /** As they stand on the store. */
  readonly #raw = new Map<string, FlagDefinition>();
  /** With references replaced and the set's metadata put in: what is evaluated. */
  readonly #flags = new Map<string, FlagDefinition>();
  /** Why what stands on the store cannot be read, or cannot be put together with what flags share. */
  readonly #unread = new Map<string, string>();
  readonly #unbuilt = new Map<string, string>();
  #evaluators: Evaluators = {};
  #metadata: Metadata = {};
  #over: ConclaveError | undefined;

  /** @internal `flags.watch` makes them. */
  constructor(context: RecipeContext, mirrors: SharedMirrors, options: FlagSetOptions) {
    const { signal, staleAfterMs = defaultStaleAfterMs } = options;
    this.#context = context;
    // Nobody may be waiting when it ends.
    this.#ready.promise.catch(() => {});
    this.#share = mirrors.subscribe(allFlags(context), {
      onChange: (change) => this.#apply(change),
      onEnd: (error) => this.#end(error),
    });
    this.#freshness = new Freshness(context.runtime, staleAfterMs, this.#share.shared, (stale) =>
      callUser(() => this.events.emit('stale', stale)),
    );
    const unlink = onAbort(signal, (reason) => this.#end(reason as ConclaveError));
    this.#releases = [this.#freshness.start(), unlink, () => this.#share.unsubscribe()];
    const { revision, items } = this.#share.shared;
    const keys = [...items].map(([key, after]) => ({ key, before: undefined, after }));
    if (revision !== 0n) this.#apply({ revision, keys, resync: false });
  }

  /** By key; frozen. One that cannot be used is there as it was when it last could. */
  get flags(): ReadonlyMap<string, FlagDefinition> {
    return this.#flags;
  }

  /** Why definitions cannot be used, by the flag's key, or the name of what they share. */
  get problems(): ReadonlyMap<string, string> {
    return new Map([...this.#unbuilt, ...this.#unread]);
  }

  get metadata(): Metadata {
    return this.#metadata;
  }

  /** 0n: nothing is known yet. */
  get revision(): bigint {
    return this.#share.shared.revision;
  }

  get stale(): boolean {
    return this.revision === 0n || this.#freshness.stale;
  }

  get staleMs(): number {
    return this.#share.shared.silentMs;
  }

  /**
   * Resolves when the first state is there.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `CLOSED`, what the store refuses.
   */
  ready(options: WaitOptions = {}): Promise<void> {
    const { runtime } = this.#context;
    return withDeadline(runtime, 'flags', options, (signal) => abortable(this.#ready.promise, signal));
  }

  /** Gives everything back. Idempotent. */
  close(): void {
    this.#end(new ConclaveError('CLOSED', 'the flags were closed'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #apply({ revision, keys, resync }: MirrorChange): void {
    const touched = new Set<string>();
    for (const change of keys) this.#take(change, touched);
    const flagsChanged = [...touched].filter((key) => this.#build(key));
    this.#ready.resolve();
    callUser(() => this.events.emit('change', { revision, flagsChanged, resync }));
  }

  #take({ before, after }: KeyChange, touched: Set<string>): void {
    const name = nameOf(this.#context, ((after ?? before) as KeyValue).key);
    if (name === evaluatorsName) {
      this.#evaluators = (this.#object(name, after) ?? this.#evaluators) as Evaluators;
      for (const [flag, { targeting }] of this.#raw) if (hasRefs(targeting)) touched.add(flag);
    } else if (name === metadataName) {
      this.#metadata = (this.#object(name, after) ?? this.#metadata) as Metadata;
      for (const flag of this.#raw.keys()) touched.add(flag);
    } else {
      if (this.#read(name, after)) touched.add(name);
    }
  }

  /** What flags share; undefined: it cannot be used, and the last good one stays. */
  #object(name: string, kv: KeyValue | undefined): Readonly<Record<string, Plain>> | undefined {
    if (kv === undefined) {
      this.#unread.delete(name);
      return {};
    }
    return this.#parse(name, kv, (value) => (isPlainObject(value) ? undefined : 'is no object'));
  }

  /** Whether the flag is another now. */
  #read(name: string, kv: KeyValue | undefined): boolean {
    if (kv === undefined) {
      this.#unread.delete(name);
      return this.#raw.delete(name);
    }
    const flag = this.#parse(name, kv, flawOf) as FlagDefinition | undefined;
    if (flag === undefined || samePlain(flag, this.#raw.get(name))) return false;
    this.#raw.set(name, flag);
    return true;
  }

  #parse(
    name: string,
    { value }: KeyValue,
    flaw: (read: Plain) => string | undefined,
  ): Record<string, Plain> | undefined {
    try {
      const read = parsePlain(utf8Text(value));
      const reason = flaw(read);
      if (reason === undefined) {
        this.#unread.delete(name);
        return read as Record<string, Plain>;
      }
      this.#refuse(this.#unread, name, reason);
    } catch (error) {
      this.#refuse(this.#unread, name, (error as Error).message);
    }
    return undefined;
  }

  /** Whether the flag is another now. */
  #build(name: string): boolean {
    const raw = this.#raw.get(name);
    this.#unbuilt.delete(name);
    if (raw === undefined) return this.#flags.delete(name);
    try {
      this.#flags.set(name, this.#built(raw));
      return true;
    } catch (error) {
      this.#refuse(this.#unbuilt, name, (error as Error).message);
      return false;
    }
  }

  /** Of 10,000 flags most share nothing, and are kept once. */
  #built(raw: FlagDefinition): FlagDefinition {
    const { targeting } = raw;
    const refs = targeting !== undefined && hasRefs(targeting);
    if (!refs && Object.keys(this.#metadata).length === 0) return raw;
    const metadata = { ...this.#metadata, ...raw.metadata };
    return Object.freeze({ ...raw, ...(refs && { targeting: resolveRefs(targeting, this.#evaluators) }), metadata });
  }

  #refuse(problems: Map<string, string>, name: string, reason: string): void {
    problems.set(name, reason);
    callUser(() => this.events.emit('invalid', name, reason));
  }

  #end(error: ConclaveError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    for (const release of this.#releases.splice(0)) release();
    this.#ready.reject(error);
    callUser(() => this.events.emit('end', error));
  }
}
