import { lowerBound } from './halving.js';
/**
 * Values by key, with a list of them in the order of the keys. Made for lists of some ten thousand that change one at a
 * time and are looked at after each change: moving what stands behind a place costs microseconds, sorting does not.
 */
export class SortedMap<V> {
  readonly #keys: string[] = [];
  readonly #values: V[] = [];
  #list: readonly V[] | undefined;

  get size(): number {
    return this.#keys.length;
  }

  /** Frozen; the same one until something changes. */
  get values(): readonly V[] {
    this.#list ??= Object.freeze(this.#values.slice());
    return this.#list;
  }

  get(key: string): V | undefined {
    const at = this.#placeOf(key);
    return this.#keys[at] === key ? this.#values[at] : undefined;
  }

  set(key: string, value: V): void {
    const at = this.#placeOf(key);
    if (this.#keys[at] !== key) {
      insert(this.#keys, at, key);
      insert(this.#values, at, value);
    } else this.#values[at] = value;
    this.#list = undefined;
  }

  delete(key: string): void {
    const at = this.#placeOf(key);
    if (this.#keys[at] !== key) return;
    this.#keys.splice(at, 1);
    this.#values.splice(at, 1);
    this.#list = undefined;
  }

  /** Where the key is, or would be. */
  #placeOf(key: string): number {
    const { length } = this.#keys;
    // A whole list arrives in order.
    if (length === 0 || (this.#keys[length - 1] as string) < key) return length;
    return lowerBound(this.#keys, key);
  }
}

function insert<T>(list: T[], at: number, item: T): void {
  if (at === list.length) list.push(item);
  else list.splice(at, 0, item);
}
