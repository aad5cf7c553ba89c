import type { History } from '../history.js';

/**
 * What checkers read out of a history, worked out once for all of them. A history that has grown since is read anew;
 * nobody may change what is returned.
 */
export function derived<T>(make: (history: History) => T): (history: History) => T {
  const known = new WeakMap<History, { readonly length: number; readonly value: T }>();
  return (history) => {
    const before = known.get(history);
    if (before?.length === history.length) return before.value;
    const value = make(history);
    known.set(history, { length: history.length, value });
    return value;
  };
}
