import { latin1 } from '../core/bytes.js';
import type { KeyValue } from '../store/messages.js';
import { bytesOf, type Text } from '../store/ops.js';
import type { CacheEntry, Decoding } from './decoding.js';

/** What was below the prefix at one revision of the store. It stays as it is. */
export class CacheView<T> {
  /** Nothing below the prefix has changed between this revision and the one before which the view was taken. */
  readonly revision: bigint;
  readonly #decoding: Decoding<T>;
  /** By key, one char per byte. */
  readonly #items: ReadonlyMap<string, KeyValue>;
  #entries: readonly CacheEntry<T>[] | undefined;

  /** @internal `cache.view` makes them. */
  constructor(revision: bigint, items: ReadonlyMap<string, KeyValue>, decoding: Decoding<T>) {
    this.revision = revision;
    this.#items = items;
    this.#decoding = decoding;
  }

  /** The whole key, with the prefix. Undefined: it is not there, or cannot be read. */
  get(key: Text): CacheEntry<T> | undefined {
    return this.#decoding.entryOf(this.#items.get(latin1(bytesOf(key))));
  }

  /** In the order of the keys; frozen. */
  get entries(): readonly CacheEntry<T>[] {
    this.#entries ??= Object.freeze(this.#sorted());
    return this.#entries;
  }

  #sorted(): CacheEntry<T>[] {
    const keys = [...this.#items.keys()].sort();
    return keys.flatMap((key) => this.#decoding.entryOf(this.#items.get(key)) ?? []);
  }
}
