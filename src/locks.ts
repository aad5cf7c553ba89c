import { type LineSummary, listLines } from './inspect/list.js';
import { readWaitForGraph, type WaitForGraph } from './inspect/wait-for.js';
import type { RecipeContext } from './line/context.js';
import type { ListOptions } from './line/whole-lines.js';
import type { WebLockSnapshot } from './web-locks/snapshot.js';
import type { WebLock } from './web-locks/web-lock.js';
import type { WebLockOptions } from './web-locks/web-lock-options.js';
import { WebLocks } from './web-locks/web-locks.js';

/** All locks as they are seen from outside, and locks as the Web Locks API has them. */
export class Locks {
  readonly #context: RecipeContext;
  readonly #webLocks: WebLocks;

  constructor(context: RecipeContext) {
    this.#context = context;
    this.#webLocks = new WebLocks(context);
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

  /**
   * `navigator.locks.request()` across processes: runs `callback` under the lock, which ends when what it returns has
   * settled. See `WebLocks.request`.
   */
  request<T>(name: string, callback: (lock: WebLock) => Promise<T> | T): Promise<T>;
  request<T>(
    name: string,
    options: WebLockOptions & { readonly ifAvailable: true },
    callback: (lock: WebLock | null) => Promise<T> | T,
  ): Promise<T>;
  request<T>(
    name: string,
    options: WebLockOptions & { readonly ifAvailable?: false | undefined },
    callback: (lock: WebLock) => Promise<T> | T,
  ): Promise<T>;
  request<T>(...args: unknown[]): Promise<T> {
    return this.#webLocks.request(args) as Promise<T>;
  }

  /** `navigator.locks.query()` across processes: what is held and what is asked for, at one revision. */
  query(): Promise<WebLockSnapshot> {
    return this.#webLocks.query();
  }
}
