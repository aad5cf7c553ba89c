import type { RecipeContext } from '../line/context.js';
import { type LineSummary, type ListOptions, listLines } from './list.js';
import { readWaitForGraph, type WaitForGraph } from './wait-for.js';

/** All locks below a prefix of their names, as they are seen from outside. */
export class Locks {
  readonly #context: RecipeContext;

  constructor(context: RecipeContext) {
    this.#context = context;
  }

  /**
   * Yields every lock whose name starts with `prefix`, with its holder and the number of those who wait: all of them at
   * one revision, read page by page. A prefix that starts with `/` is one of keys, as a lock's name that does.
   * @throws ConclaveError `COMPACTED` when the store forgot that revision meanwhile: list again.
   */
  list(prefix = '', options: ListOptions = {}): AsyncGenerator<LineSummary, void, undefined> {
    return listLines(this.#context, prefix, options);
  }

  /** Who waits for whom among the locks below `prefix`, and who waits in a circle. Throws as `list`. */
  graph(prefix = '', options: ListOptions = {}): Promise<WaitForGraph> {
    return readWaitForGraph(this.#context, prefix, options);
  }
}
