import { inRange, isPrefixRange, type KeyRange } from './key-range.js';

/** What an index finds: anything that listens to a range of keys. */
export interface Ranged {
  readonly range: KeyRange;
}

/**
 * Finds who listens to a key: one look-up for watchers of that key, one for each length of prefix in use, and a walk
 * over those with any other range, which are rare (performance.md section 5).
 */
export class WatcherIndex<T extends Ranged> {
  readonly #byKey = new Map<string, Set<T>>();
  readonly #byPrefix = new Map<number, Map<string, Set<T>>>();
  readonly #odd = new Set<T>();

  add(watcher: T): void {
    const { range } = watcher;
    if (range.single) addTo(this.#byKey, range.start, watcher);
    else if (isPrefixRange(range)) addTo(this.#prefixes(range.start.length), range.start, watcher);
    else this.#odd.add(watcher);
  }

  delete(watcher: T): void {
    const { range } = watcher;
    if (range.single) {
      deleteFrom(this.#byKey, range.start, watcher);
    } else if (isPrefixRange(range)) {
      const prefixes = this.#prefixes(range.start.length);
      deleteFrom(prefixes, range.start, watcher);
      if (prefixes.size === 0) this.#byPrefix.delete(range.start.length);
    } else {
      this.#odd.delete(watcher);
    }
  }

  /** Calls `visit` once for each watcher whose range holds the key. */
  match(text: string, visit: (watcher: T) => void): void {
    this.#byKey.get(text)?.forEach(visit);
    for (const [length, prefixes] of this.#byPrefix) {
      if (length <= text.length) prefixes.get(text.slice(0, length))?.forEach(visit);
    }
    for (const watcher of this.#odd) {
      if (inRange(watcher.range, text)) visit(watcher);
    }
  }

  #prefixes(length: number): Map<string, Set<T>> {
    let prefixes = this.#byPrefix.get(length);
    if (prefixes === undefined) {
      prefixes = new Map();
      this.#byPrefix.set(length, prefixes);
    }
    return prefixes;
  }
}

function addTo<T>(map: Map<string, Set<T>>, text: string, watcher: T): void {
  const set = map.get(text);
  if (set === undefined) map.set(text, new Set([watcher]));
  else set.add(watcher);
}

function deleteFrom<T>(map: Map<string, Set<T>>, text: string, watcher: T): void {
  const set = map.get(text);
  if (set?.delete(watcher) && set.size === 0) map.delete(text);
}
