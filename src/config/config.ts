import { type WaitOptions, withDeadline } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { assertObject } from '../core/given.js';
import type { RecipeContext } from '../line/context.js';
import { assertKeyOrPrefix } from '../store/key-or-prefix.js';
import { untilAnswered } from '../store/repeat.js';
import { SharedMirrors } from '../store/shared-mirrors.js';
import { entriesOf, type HistoryEntry, type HistoryOptions, readPast } from '../versions/history.js';
import { differences, type KeyDiff, shown } from '../versions/key-diff.js';
import { type KeyOrPrefix, keyOf, type Place, placeOf, type Versioned } from '../versions/place.js';
import { restoring } from '../versions/restoring.js';
import { stateAt } from '../versions/state-at.js';
import { type Wish, type WriteOptions, type Written, writeAll } from '../versions/write.js';
import { checkOf, encodeValue, type ValidationOptions } from './checks.js';
import { ConfigFeed } from './feed.js';
import { checkWatchOptions, type WatchConfigOptions } from './options.js';
import { type ConfigWatcher, Reporter, watchersOf } from './reports.js';
import { type Audience, encodeRollout, type Rollout, rolloutOf, seenBy, type WatcherId } from './rollout.js';
import { WatchedConfig } from './watched-config.js';

export type SetOptions = WriteOptions & ValidationOptions;

export type RollbackOptions = SetOptions & { readonly toRevision: bigint };

/** A value as it stands on the store. */
export interface StoredValue {
  /** JSON, or the text where it is none. */
  readonly value: unknown;
  readonly bytes: Bytes;
  readonly revision: bigint;
}

/** A value on its way, and who sees it. */
export interface RolloutStep extends Audience {
  readonly value?: unknown;
}

const defaultTimeoutMs = 5_000;

const roots = { values: 'config/', history: 'config-history/' } as const;

/** Live configuration. README.md beside this file says what it promises. */
export class Config {
  readonly #context: Versioned;
  readonly #files: Files;
  readonly #mirrors: SharedMirrors;

  constructor(context: RecipeContext, files: Files) {
    this.#context = { ...context, roots };
    this.#files = files;
    this.#mirrors = new SharedMirrors(context.store, context.runtime);
  }

  /**
   * Follows one key, or all keys below a prefix as one object. Resolves when the first value is there, or refused:
   * then `ready()` rejects. All who watch the same in this process share one watch. `signal` ends it whenever it
   * aborts, `timeoutMs` limits the wait for the first value alone.
   * @throws `signal.reason` itself; ConclaveError `INVALID_NAME`, `INVALID_ARGUMENT`, `TIMEOUT` when `timeoutMs` passes
   * before the first value, what the store refuses.
   */
  async watch<T = unknown>(options: WatchConfigOptions<T>): Promise<WatchedConfig<T>> {
    assertKeyOrPrefix(options);
    options.signal?.throwIfAborted();
    checkWatchOptions(options);
    const { runtime } = this.#context;
    const place = placeOf(this.#context, options);
    const watcher = options.instance ?? this.#self();
    const site = { runtime, files: this.#files, mirrors: this.#mirrors };
    const handle = new WatchedConfig<T>(
      runtime,
      place.name,
      (self) => new ConfigFeed(site, place, options, (key, rollout) => seenBy(watcher, key, rollout), self),
      (more) => this.history(options, more),
    );
    if (options.onInvalid !== undefined) handle.events.on('invalid', options.onInvalid);
    if (options.report === true) this.#report(place, watcher, handle);
    try {
      await handle.ready(options);
    } catch (error) {
      if (ConclaveError.is(error, 'INVALID_VALUE')) return handle;
      await handle.close();
      throw error;
    }
    return handle;
  }

  /** What stands at a key, or null. Linearizable. */
  async get(name: string, options: WaitOptions = {}): Promise<StoredValue | null> {
    const key = keyOf(this.#context, name);
    const { store, runtime } = this.#context;
    return this.#within(`get ${JSON.stringify(name)}`, options, async (signal) => {
      const { kvs } = await untilAnswered(runtime, signal, () => store.range({ key }, { signal }));
      const [kv] = kvs;
      return kv === undefined ? null : { value: shown(kv.value), bytes: kv.value, revision: kv.modRevision };
    });
  }

  /**
   * Writes a value as JSON, whatever was there. With `prefix` the name is below it.
   * @throws ConclaveError `INVALID_VALUE` when the schema refuses what would be, `INVALID_ARGUMENT`, `TIMEOUT`
   * (outcome unknown) when the store has not answered within 5 s, what the store refuses.
   */
  async set(name: string, value: unknown, options: SetOptions = {}): Promise<Written> {
    // A variable that happens to be undefined must not take a key away: `delete` and `setAll` do.
    if (value === undefined) throw new ConclaveError('INVALID_ARGUMENT', `${name}: undefined is nothing in JSON`);
    return this.setAll({ [name]: value }, options);
  }

  /** Writes several values in one txn: watchers see all of them or none. An undefined value takes the key away. */
  async setAll(values: Readonly<Record<string, unknown>>, options: SetOptions = {}): Promise<Written> {
    assertObject('values', values);
    const wishes = Object.entries(values).map(([name, value]) => this.#wish(name, value, options));
    return this.#write(wishes, options);
  }

  /**
   * Writes a value if the key is as the caller has seen it; 0n: if it is not there. An undefined value takes the key
   * away.
   * @throws ConclaveError `CONFLICT`, which names both revisions; `INVALID_ARGUMENT` without a revision; else as `set`.
   */
  async compareAndSet(
    name: string,
    value: unknown,
    options: SetOptions & { readonly expectRevision: bigint },
  ): Promise<Written> {
    const expected: unknown = options?.expectRevision;
    if (typeof expected !== 'bigint') {
      const got = expected === undefined ? 'nothing' : typeof expected;
      throw new ConclaveError(
        'INVALID_ARGUMENT',
        `compareAndSet needs expectRevision, a bigint (0n: none), got ${got}`,
      );
    }
    return this.#write([{ ...this.#wish(name, value, options), expected }], options);
  }

  /** Takes a key away. */
  async delete(name: string, options: SetOptions = {}): Promise<Written> {
    return this.#write([this.#wish(name, undefined, options)], options);
  }

  /** What was written to one key, or to all below a prefix, the newest first: the last 50 versions of each key. */
  history(what: KeyOrPrefix, options: HistoryOptions = {}): Promise<readonly HistoryEntry[]> {
    return this.#within('history', options, async (signal) =>
      entriesOf(await readPast(this.#context, what, signal), options.limit),
    );
  }

  /**
   * What differs between two revisions. Default of `to`: now.
   * @throws ConclaveError `COMPACTED` when a revision is too old for the history, `FUTURE_REVISION`.
   */
  async diff(
    what: KeyOrPrefix,
    revisions: { readonly from: bigint; readonly to?: bigint | undefined },
    options: WaitOptions = {},
  ): Promise<readonly KeyDiff[]> {
    assertObject('the revisions of a diff', revisions);
    return this.#within('diff', options, async (signal) => {
      const past = await readPast(this.#context, what, signal);
      const before = await stateAt(this.#context, what, past, revisions.from, signal);
      const after =
        revisions.to === undefined
          ? new Map([...past.current].map(([name, { value }]) => [name, value]))
          : await stateAt(this.#context, what, past, revisions.to, signal);
      return differences(before, after);
    });
  }

  /**
   * Writes again what was there at a revision, in one txn, as a new revision.
   * @throws ConclaveError `CONFLICT` when somebody writes meanwhile, `COMPACTED` when that revision is too old for the
   * history; else as `set`.
   */
  async rollback(what: KeyOrPrefix, options: RollbackOptions): Promise<Written> {
    assertObject('the options of a rollback', options);
    const { toRevision, reason = `rollback to revision ${toRevision}` } = options;
    return this.#within('rollback', options, async (signal) => {
      const past = await readPast(this.#context, what, signal);
      const state = await stateAt(this.#context, what, past, toRevision, signal);
      const wishes = restoring(past, state);
      const validation = 'prefix' in what ? { prefix: what.prefix, ...options } : options;
      const check = checkOf(this.#context, wishes, validation);
      return writeAll(this.#context, wishes, { ...options, reason }, check, signal);
    });
  }

  /**
   * Shows a value to an audience only: chosen instances, those with some labels, a percentage of the rest. The same
   * call with a higher percentage widens it, and drops nobody. Without `value` the one on its way stays. Default of
   * what the others see: what is there now.
   * @throws ConclaveError `NOT_FOUND` when there is nothing that the others could see, `CONFLICT`, else as `set`.
   */
  async rollout(name: string, step: RolloutStep, options: SetOptions = {}): Promise<Written> {
    assertObject('the step of a rollout', step);
    const { value: next, ...audience } = step;
    return this.#step(name, options, (rollout, base) => {
      const to = next === undefined ? rollout?.next : next;
      if (to === undefined) throw new ConclaveError('NOT_FOUND', `no value of ${name} is on its way: give one`);
      return encodeRollout({ base: rollout === undefined ? base : rollout.base, next: to, ...audience });
    });
  }

  /** Ends a rollout: all see the new value. @throws as `rollout`. */
  promote(name: string, options: SetOptions = {}): Promise<Written> {
    return this.#step(name, options, (rollout = notRolledOut(name)) => rollout.next);
  }

  /** Ends a rollout: all see what was there before. @throws as `rollout`. */
  abandon(name: string, options: SetOptions = {}): Promise<Written> {
    return this.#step(name, options, (rollout = notRolledOut(name)) => rollout.base);
  }

  /** Who shows which revision of a place, of those that `report`. */
  watchers(what: KeyOrPrefix, options: WaitOptions = {}): Promise<readonly ConfigWatcher[]> {
    const place = placeOf(this.#context, what);
    return this.#within('watchers', options, (signal) => watchersOf(this.#context, place, signal));
  }

  async #step(
    name: string,
    options: SetOptions,
    next: (rollout: Rollout | undefined, base: unknown) => unknown,
  ): Promise<Written> {
    const full = this.#wish(name, undefined, options).name;
    const found = await this.get(full, options);
    if (found === null) throw new ConclaveError('NOT_FOUND', `there is no ${JSON.stringify(full)}`);
    const value = next(rolloutOf(found.value), found.value);
    return this.compareAndSet(name, value, { ...options, expectRevision: found.revision });
  }

  #report<T>(place: Place, watcher: WatcherId, handle: WatchedConfig<T>): void {
    const reporter = new Reporter(this.#context, place, watcher, handle);
    handle.events.once('change', () => {
      reporter.start();
      handle.events.on('change', () => reporter.changed());
      handle.events.on('status', () => reporter.changed());
    });
    handle.with(() => reporter.stop());
  }

  #wish(name: string, value: unknown, { prefix }: ValidationOptions): Wish {
    const full = prefix === undefined ? name : `${placeOf(this.#context, { prefix }).name}${name}`;
    return { name: full, bytes: value === undefined ? undefined : encodeValue(full, value) };
  }

  #write(wishes: readonly Wish[], options: SetOptions): Promise<Written> {
    const check = checkOf(this.#context, wishes, options);
    const what = `write of ${wishes.map(({ name }) => JSON.stringify(name)).join(', ')}`;
    return this.#within(what, options, (signal) => writeAll(this.#context, wishes, options, check, signal));
  }

  #within<T>(what: string, { signal, timeoutMs }: WaitOptions, fn: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(this.#context.runtime, what, { signal, timeoutMs: timeoutMs ?? defaultTimeoutMs }, fn);
  }

  #self(): WatcherId {
    const { host = '', pid = 0, label } = this.#context.identity;
    return { id: label ?? `${host}:${pid}` };
  }
}

function notRolledOut(name: string): never {
  throw new ConclaveError('NOT_FOUND', `no value of ${name} is on its way`);
}
