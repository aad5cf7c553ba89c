import { type Bytes, copyBytes, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { deepFreeze, parsePlain } from '../core/plain.js';
import { assertSchema, type Issue, judge, type StandardSchema } from '../core/standard-schema.js';
import type { KeyValue } from '../store/messages.js';

/** How the bytes of a key become a value. */
export interface DecodingOptions<T> {
  /**
   * `json`, `text`, or what throws for bytes that say nothing; it must not write to them. Default: a copy of the bytes;
   * `json` with a schema.
   */
  readonly decode?: 'json' | 'text' | ((bytes: Bytes, key: string) => T) | undefined;
  /** Judges what was decoded. Must answer at once: a promise refuses the value. */
  readonly schema?: StandardSchema<T> | undefined;
}

/** One key as the cache shows it. Values of JSON are frozen all through. */
export interface CacheEntry<T> {
  readonly key: string;
  readonly value: T;
  /** The store's revision of the key's creation, and of its last change: for guards. */
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  /** Changes since its creation, which is the first. */
  readonly version: bigint;
  /** 0n: none. */
  readonly leaseId: bigint;
}

/** Entries by what the store has: each is decoded once. */
export class Decoding<T> {
  readonly #decode: (bytes: Bytes, key: string) => unknown;
  readonly #schema: StandardSchema<T> | undefined;
  readonly #onInvalid: (key: string, reason: string) => void;
  readonly #done = new WeakMap<KeyValue, CacheEntry<T> | { readonly problem: string }>();

  /** @throws ConclaveError `INVALID_ARGUMENT` for a `decode` or a schema that is none. */
  constructor({ decode, schema }: DecodingOptions<T>, onInvalid: (key: string, reason: string) => void) {
    assertSchema(schema);
    this.#decode = decoderOf(decode ?? (schema === undefined ? copyBytes : 'json'));
    this.#schema = schema;
    this.#onInvalid = onInvalid;
  }

  /** Undefined: there is none, or none that can be read. */
  entryOf(kv: KeyValue | undefined): CacheEntry<T> | undefined {
    if (kv === undefined) return undefined;
    const done = this.#of(kv);
    return 'problem' in done ? undefined : done;
  }

  problemOf(kv: KeyValue): string | undefined {
    const done = this.#of(kv);
    return 'problem' in done ? done.problem : undefined;
  }

  #of(kv: KeyValue): CacheEntry<T> | { readonly problem: string } {
    const known = this.#done.get(kv);
    if (known !== undefined) return known;
    const key = utf8Text(kv.key);
    const made = this.#make(key, kv);
    this.#done.set(kv, made);
    if ('problem' in made) this.#onInvalid(key, made.problem);
    return made;
  }

  #make(key: string, kv: KeyValue): CacheEntry<T> | { readonly problem: string } {
    try {
      const value = deepFreeze(this.#judged(this.#decode(kv.value, key)));
      const { createRevision, modRevision, version, lease: leaseId } = kv;
      return Object.freeze({ key, value, createRevision, modRevision, version, leaseId });
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }

  #judged(value: unknown): T {
    if (this.#schema === undefined) return value as T;
    const verdict = judge(this.#schema, value);
    if (verdict instanceof Promise) throw new TypeError('the schema answers with a promise');
    if ('issues' in verdict) throw new TypeError(verdict.issues.map(textOf).join('; '));
    return verdict.value as T;
  }
}

function textOf({ path, message }: Issue): string {
  return path === '' ? message : `${path}: ${message}`;
}

function decoderOf(decode: NonNullable<DecodingOptions<unknown>['decode']>): (bytes: Bytes, key: string) => unknown {
  if (decode === 'json') return (bytes) => parsePlain(utf8Text(bytes));
  if (decode === 'text') return utf8Text;
  if (typeof decode === 'function') return decode;
  throw new ConclaveError('INVALID_ARGUMENT', `decode must be 'json', 'text' or a function, got ${String(decode)}`);
}
