/**
 * A set that mostly holds one or none, and of which there are very many: a `Set` takes 152 bytes even if it is empty,
 * this 40 until there are two. In the order in which they came.
 */
export class Few<T extends object> {
  #only: T | undefined;
  /** Instead of the only one, from the second on. */
  #all: Set<T> | undefined;

  get size(): number {
    if (this.#all !== undefined) return this.#all.size;
    return this.#only === undefined ? 0 : 1;
  }

  add(item: T): void {
    if (this.#all !== undefined) this.#all.add(item);
    else if (this.#only === undefined) this.#only = item;
    else this.#all = new Set([this.#only, item]);
  }

  /** Whether it was there. */
  delete(item: T): boolean {
    if (this.#all !== undefined) return this.#all.delete(item);
    const had = this.#only === item;
    if (had) this.#only = undefined;
    return had;
  }

  clear(): void {
    this.#only = undefined;
    this.#all?.clear();
  }

  /** As of a `Set`, who is taken out meanwhile is passed over. Who comes meanwhile may be. */
  [Symbol.iterator](): Iterator<T> {
    const all = this.#all ?? (this.#only === undefined ? [] : [this.#only]);
    return all[Symbol.iterator]();
  }
}
