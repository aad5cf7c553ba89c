import { type WaitOptions, withDeadline } from '../core/abort.js';
import { sameBytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { isPlainObject, jsonOrText } from '../core/plain.js';
import type { RecipeContext } from '../line/context.js';
import type { KeyValue } from '../store/messages.js';
import { modifiedAt, put, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { SharedMirrors } from '../store/shared-mirrors.js';
import { checkFlag, checkFlagKey, type FlagDefinition, type FlagFile } from './flag.js';
import { fileOfKeys, keysOfFile } from './flag-file.js';
import { FlagSet, type FlagSetOptions } from './flag-set.js';
import { allFlags, flagKey, nameOf } from './names.js';
import { type FlagRollout, rolledOut } from './rollout.js';

export interface ImportOptions extends WaitOptions {
  /** Whether flags that the file does not have are taken away. Default: they stay. */
  readonly replace?: boolean | undefined;
  /** Checks the file and says what would change, and writes nothing. */
  readonly dryRun?: boolean | undefined;
}

export interface Imported {
  /** Keys that are another now. */
  readonly written: readonly string[];
  readonly removed: readonly string[];
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

/** Half of what etcd takes in one txn: a compare goes with each. */
const keysPerTxn = 100;

/** The feature flags of one namespace, in flagd's format. README.md beside this file says what it promises. */
export class Flags {
  readonly #context: RecipeContext;
  readonly #mirrors: SharedMirrors;

  constructor(context: RecipeContext) {
    this.#context = context;
    this.#mirrors = new SharedMirrors(context.store, context.runtime);
  }

  /** All flags from now until `close()`. All who watch them in this process share one range and one watch. */
  watch(options: FlagSetOptions = {}): FlagSet {
    options.signal?.throwIfAborted();
    return new FlagSet(this.#context, this.#mirrors, options);
  }

  /** The flag, or null. @throws ConclaveError `INVALID_VALUE` when what stands there is none. */
  async get(key: string, options: WaitOptions = {}): Promise<FlagDefinition | null> {
    return this.#within(`get of flag ${key}`, options, async (signal) => {
      const kv = await this.#read(checkFlagKey(key), signal);
      return kv === undefined ? null : checkFlag(key, jsonOrText(utf8Text(kv.value)));
    });
  }

  /**
   * Writes a flag, whatever was there; resolves with the revision.
   * @throws ConclaveError `INVALID_VALUE` for what flagd would not take, `INVALID_NAME`, `TIMEOUT`, what the store
   * refuses.
   */
  set(key: string, flag: FlagDefinition, options: WaitOptions = {}): Promise<bigint> {
    return this.#change(key, options, () => flag);
  }

  /** @throws ConclaveError `NOT_FOUND`, else as `set`. */
  enable(key: string, options: WaitOptions = {}): Promise<bigint> {
    return this.#change(key, options, (flag) => ({ ...there(key, flag), state: 'ENABLED' }));
  }

  /** Whoever asks gets the default in the code. @throws as `enable`. */
  disable(key: string, options: WaitOptions = {}): Promise<bigint> {
    return this.#change(key, options, (flag) => ({ ...there(key, flag), state: 'DISABLED' }));
  }

  /** Which variant those get whom no rule names. @throws ConclaveError `INVALID_VALUE`, else as `enable`. */
  setDefault(key: string, variant: string, options: WaitOptions = {}): Promise<bigint> {
    return this.#change(key, options, (flag) => ({ ...there(key, flag), defaultVariant: variant }));
  }

  /** Gives a variant to a share of all; a higher percentage drops nobody. @throws as `rolledOut` and `enable`. */
  rollout(
    key: string,
    rollout: FlagRollout,
    options: WaitOptions & { readonly replace?: boolean | undefined } = {},
  ): Promise<bigint> {
    return this.#change(key, options, (flag) => rolledOut(there(key, flag), rollout, options.replace === true));
  }

  /** False: there was none. */
  async delete(key: string, options: WaitOptions = {}): Promise<boolean> {
    const request = { success: [remove(flagKey(this.#context, checkFlagKey(key)))] };
    return this.#within(`delete of flag ${key}`, options, async (signal) => {
      const { store, runtime } = this.#context;
      const there = await this.#read(key, signal);
      await untilAnswered(runtime, signal, () => store.txn(request, { signal }));
      return there !== undefined;
    });
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
   * Writes the flags of a file: all are checked before the first is written. Up to 100 keys are one txn; larger files
   * take several, each whole, shared rules first.
   * @throws as `set`; ConclaveError `CONFLICT` when somebody writes one of the keys meanwhile.
   */
  async import(file: FlagFile | string, options: ImportOptions = {}): Promise<Imported> {
    const wanted = keysOfFile(file);
    return this.#within('import of flags', { timeoutMs: 60_000, ...options }, async (signal) => {
      const all = await this.#all(signal);
      const written = [...wanted].filter(([name, text]) => !holds(all.get(name), text));
      const removed = options.replace === true ? [...all.keys()].filter((name) => !wanted.has(name)) : [];
      const steps = [...written, ...removed.map((name) => [name, undefined] as const)];
      if (options.dryRun !== true) await this.#inParts(steps, all, signal);
      return { written: written.map(([name]) => name), removed };
    });
  }

  async #inParts(
    steps: readonly (readonly [string, string | undefined])[],
    all: ReadonlyMap<string, KeyValue>,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, runtime } = this.#context;
    for (let i = 0; i < steps.length; i += keysPerTxn) {
      const part = steps.slice(i, i + keysPerTxn);
      const request = {
        compare: part.map(([name]) => modifiedAt(flagKey(this.#context, name), all.get(name)?.modRevision ?? 0n)),
        success: part.map(([name, text]) => {
          const key = flagKey(this.#context, name);
          return text === undefined ? remove(key) : put(key, text);
        }),
      };
      const { succeeded } = await untilAnswered(runtime, signal, () => store.txn(request, { signal }));
      if (!succeeded && !(await this.#stands(part, signal))) {
        const names = part.map(([name]) => name).join(', ');
        throw new ConclaveError('CONFLICT', `somebody else has written one of ${names} meanwhile`);
      }
    }
  }

  /** Whether a txn of which no answer came has been carried out. */
  async #stands(part: readonly (readonly [string, string | undefined])[], signal: AbortSignal): Promise<boolean> {
    const now = await this.#all(signal);
    return part.every(([name, text]) => (text === undefined ? !now.has(name) : holds(now.get(name), text)));
  }

  /** Safe to send again: what is so already is not written. */
  #change(
    key: string,
    options: WaitOptions,
    next: (flag: FlagDefinition | undefined) => FlagDefinition,
  ): Promise<bigint> {
    return this.#within(`write of flag ${key}`, options, async (signal) => {
      const name = flagKey(this.#context, checkFlagKey(key));
      const { store, runtime } = this.#context;
      // Bounded by `signal`: each further turn is for somebody else who has written the flag.
      for (;;) {
        const kv = await this.#read(key, signal);
        const before = kv === undefined ? undefined : jsonOrText(utf8Text(kv.value));
        const flag = next(isPlainObject(before) ? (before as unknown as FlagDefinition) : undefined);
        const text = JSON.stringify(checkFlag(key, flag));
        if (kv !== undefined && holds(kv, text)) return kv.modRevision;
        const request = { compare: [modifiedAt(name, kv?.modRevision ?? 0n)], success: [put(name, text)] };
        const { succeeded, header } = await untilAnswered(runtime, signal, () => store.txn(request, { signal }));
        if (succeeded) return header.revision;
      }
    });
  }

  async #read(key: string, signal: AbortSignal): Promise<KeyValue | undefined> {
    const { store, runtime } = this.#context;
    const request = { key: flagKey(this.#context, key) };
    return (await untilAnswered(runtime, signal, () => store.range(request, { signal }))).kvs[0];
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
