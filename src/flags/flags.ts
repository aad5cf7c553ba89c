import { type WaitOptions, withDeadline } from '../core/abort.js';
import { type Bytes, sameBytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { assertObject } from '../core/given.js';
import { isPlainObject, jsonOrText } from '../core/plain.js';
import type { RecipeContext } from '../line/context.js';
import type { KeyValue } from '../store/messages.js';
import { inDoubt, untilAnswered } from '../store/repeat.js';
import { SharedMirrors } from '../store/shared-mirrors.js';
import { entriesOf, type HistoryEntry, type HistoryOptions, readPast } from '../versions/history.js';
import { type KeyOrPrefix, keyOf, type Versioned } from '../versions/place.js';
import { restoring } from '../versions/restoring.js';
import { stateAt } from '../versions/state-at.js';
import {
  type Change,
  safeKeysPerTxn,
  type Wish,
  type WriteOptions,
  type Written,
  writeAll,
} from '../versions/write.js';
import { checkFlag, checkFlagKey, type FlagDefinition, type FlagFile } from './flag.js';
import { checkStored, fileOfKeys, keysOfFile } from './flag-file.js';
import { FlagSet, type FlagSetOptions } from './flag-set.js';
import { allFlags, nameOf, roots } from './names.js';
import { type FlagRollout, rolledOut } from './rollout.js';

export interface ImportOptions extends WriteOptions {
  /** Whether flags that the file does not have are taken away. Default: they stay. */
  readonly replace?: boolean | undefined;
}

export interface Imported {
  /** Keys that are another now. */
  readonly written: readonly string[];
  readonly removed: readonly string[];
}

export interface FlagRollbackOptions extends WriteOptions {
  readonly toRevision: bigint;
}

/** A flag as it stands on the store. */
export interface StoredFlag {
  readonly key: string;
  /** Undefined: what stands there is no flag; `problem` says why. */
  readonly flag: FlagDefinition | undefined;
  readonly problem: string | undefined;
  readonly revision: bigint;
}

const defaultTimeoutMs = 5_000;

/** The feature flags of one namespace, in flagd's format. README.md beside this file says what it promises. */
export class Flags {
  readonly #context: Versioned;
  readonly #mirrors: SharedMirrors;

  constructor(context: RecipeContext) {
    this.#context = { ...context, roots };
    this.#mirrors = new SharedMirrors(context.store, context.runtime);
  }

  /** All flags from now until `close()`. All who watch them in this process share one range and one watch. */
  watch(options: FlagSetOptions = {}): FlagSet {
    options.signal?.throwIfAborted();
    return new FlagSet(this.#context, this.#mirrors, options);
  }

  /** The flag, or null. @throws ConclaveError `INVALID_VALUE` when what stands there is none. */
  async get(key: string, options: WaitOptions = {}): Promise<FlagDefinition | null> {
    const { store, runtime } = this.#context;
    const request = { key: keyOf(this.#context, checkFlagKey(key)) };
    return this.#within(`get of flag ${key}`, options, async (signal) => {
      const [kv] = (await untilAnswered(runtime, signal, () => store.range(request, { signal }))).kvs;
      return kv === undefined ? null : checkFlag(key, jsonOrText(utf8Text(kv.value)));
    });
  }

  /**
   * Writes a flag, whatever was there, and the version of it for the history, in one txn. Resolves with a revision at
   * which it stands there: what is so already is not written.
   * @throws ConclaveError `INVALID_VALUE` for what flagd would not take, `INVALID_NAME`, `TIMEOUT`, what the store
   * refuses.
   */
  set(key: string, flag: FlagDefinition, options: WriteOptions = {}): Promise<bigint> {
    return this.#change(key, options, () => flag);
  }

  /** @throws ConclaveError `NOT_FOUND`, else as `set`. */
  enable(key: string, options: WriteOptions = {}): Promise<bigint> {
    return this.#change(key, options, (flag) => ({ ...there(key, flag), state: 'ENABLED' }));
  }

  /** Whoever asks gets the default in the code. @throws as `enable`. */
  disable(key: string, options: WriteOptions = {}): Promise<bigint> {
    return this.#change(key, options, (flag) => ({ ...there(key, flag), state: 'DISABLED' }));
  }

  /** Which variant those get whom no rule names. @throws ConclaveError `INVALID_VALUE`, else as `enable`. */
  setDefault(key: string, variant: string, options: WriteOptions = {}): Promise<bigint> {
    return this.#change(key, options, (flag) => ({ ...there(key, flag), defaultVariant: variant }));
  }

  /** Gives a variant to a share of all; a higher percentage drops nobody. @throws as `rolledOut` and `enable`. */
  rollout(
    key: string,
    rollout: FlagRollout,
    options: WriteOptions & { readonly replace?: boolean | undefined } = {},
  ): Promise<bigint> {
    return this.#change(key, options, (flag) => rolledOut(there(key, flag), rollout, options.replace === true));
  }

  /** False: there was none. */
  async delete(key: string, options: WriteOptions = {}): Promise<boolean> {
    const { changes } = await this.#write(`delete of flag ${key}`, checkFlagKey(key), options, () => undefined);
    return changes.length > 0;
  }

  /** Every flag by key, also what is none. */
  list(options: WaitOptions = {}): Promise<readonly StoredFlag[]> {
    return this.#within('list of flags', options, async (signal) => {
      const all = await this.#all(signal);
      const { file, problems } = fileOfKeys(new Map([...all].map(([name, { value }]) => [name, value])));
      return [...all]
        .filter(([key]) => !key.startsWith('$'))
        .map(([key, { modRevision: revision }]) => ({
          ...{ key, revision, problem: problems.get(key) },
          flag: Object.hasOwn(file.flags, key) ? file.flags[key] : undefined,
        }));
    });
  }

  /** All flags of one revision as a file for flagd; what is none is left out. */
  export(options: WaitOptions = {}): Promise<FlagFile> {
    return this.#within('export of flags', options, async (signal) => {
      const all = await this.#all(signal);
      return fileOfKeys(new Map([...all].map(([name, { value }]) => [name, value]))).file;
    });
  }

  /**
   * Writes the flags of a file: all are checked before the first is written. Up to 32 keys are one txn; larger files
   * take several, each whole, shared rules first.
   * @throws as `set`; ConclaveError `CONFLICT` when somebody writes one of the keys meanwhile; `unknown` once some are
   * written.
   */
  async import(file: FlagFile | string, options: ImportOptions = {}): Promise<Imported> {
    const wanted = keysOfFile(file);
    return this.#within('import of flags', { timeoutMs: 60_000, ...options }, async (signal) => {
      const all = await this.#all(signal);
      const written = [...wanted].filter(([name, text]) => !holds(all.get(name), text));
      const removed = options.replace === true ? [...all.keys()].filter((name) => !wanted.has(name)) : [];
      const wishes = [...written, ...removed.map((name) => [name, undefined] as const)].map(([name, text]) => ({
        ...{ name, bytes: text === undefined ? undefined : utf8(text) },
        expected: all.get(name)?.modRevision ?? 0n,
      }));
      for (let i = 0; i < wishes.length; i += safeKeysPerTxn) {
        try {
          await this.#writeAll(wishes.slice(i, i + safeKeysPerTxn), options, signal);
        } catch (error) {
          // Those before it are written.
          throw i === 0 ? error : inDoubt(error, signal);
        }
      }
      return { written: written.map(([name]) => name), removed };
    });
  }

  /** What was written to a flag, or to all, and what they share, the newest first: the last 50 versions of each. */
  history(options: HistoryOptions & { readonly key?: string | undefined } = {}): Promise<readonly HistoryEntry[]> {
    return this.#within('history of flags', options, async (signal) =>
      entriesOf(await readPast(this.#context, placeOf(options.key), signal), options.limit),
    );
  }

  /**
   * Writes again what a flag was at a revision, or without `key` all of them with what they share: in one txn, as a new
   * revision.
   * @throws ConclaveError `CONFLICT` when somebody writes meanwhile, `COMPACTED` when that revision is too old for the
   * history, `INVALID_ARGUMENT` for more flags than one txn takes, `INVALID_VALUE` when what was there is no flag; else
   * as `set`.
   */
  async rollback(options: FlagRollbackOptions & { readonly key?: string | undefined }): Promise<Written> {
    assertObject('the options of a rollback', options);
    const { key, toRevision, reason = `rollback to revision ${toRevision}` } = options;
    const what = placeOf(key);
    return this.#within('rollback of flags', options, async (signal) => {
      const past = await readPast(this.#context, what, signal);
      const wishes = restoring(past, await stateAt(this.#context, what, past, toRevision, signal));
      for (const { name, bytes } of wishes) if (bytes !== undefined) checkStored(name, bytes);
      return this.#writeAll(wishes, { ...options, reason }, signal);
    });
  }

  async #change(
    key: string,
    options: WriteOptions,
    next: (flag: FlagDefinition | undefined) => FlagDefinition,
  ): Promise<bigint> {
    checkFlagKey(key);
    const { revision } = await this.#write(`write of flag ${key}`, key, options, (kv) => {
      const before = kv === undefined ? undefined : jsonOrText(utf8Text(kv.value));
      const flag = next(isPlainObject(before) ? (before as unknown as FlagDefinition) : undefined);
      return utf8(JSON.stringify(checkFlag(key, flag)));
    });
    return revision;
  }

  #write(
    what: string,
    name: string,
    options: WriteOptions,
    next: (kv: KeyValue | undefined) => Bytes | undefined,
  ): Promise<Written> {
    return this.#within(what, options, (signal) => this.#writeAll([{ name, next }], options, signal));
  }

  #writeAll(wishes: readonly (Wish | Change)[], options: WriteOptions, signal: AbortSignal): Promise<Written> {
    return writeAll(this.#context, wishes, options, async () => [], signal);
  }

  /** By name; what flags share comes first, since "$" sorts before most. */
  async #all(signal: AbortSignal): Promise<Map<string, KeyValue>> {
    const { store, runtime } = this.#context;
    const { kvs } = await untilAnswered(runtime, signal, () => store.range(allFlags(this.#context), { signal }));
    return new Map(kvs.map((kv) => [nameOf(this.#context, kv.key), kv]));
  }

  #within<T>(what: string, { signal, timeoutMs }: WaitOptions, fn: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(this.#context.runtime, what, { signal, timeoutMs: timeoutMs ?? defaultTimeoutMs }, fn);
  }
}

function holds(kv: KeyValue | undefined, text: string): boolean {
  return kv !== undefined && sameBytes(kv.value, utf8(text));
}

function there(key: string, flag: FlagDefinition | undefined): FlagDefinition {
  if (flag === undefined) throw new ConclaveError('NOT_FOUND', `there is no flag ${JSON.stringify(key)}`);
  return checkFlag(key, flag);
}

/** One flag, or all with what they share. */
function placeOf(key: string | undefined): KeyOrPrefix {
  return key === undefined ? { prefix: '' } : { key: checkFlagKey(key) };
}
