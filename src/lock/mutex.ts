import type { LockOptions, RecipeContext } from '../line/context.js';
import type { Held } from '../line/held.js';
import { LockTaker, lockPrefix } from '../line/lock-wish.js';

/**
 * One lock by name: exclusive, fair (first come, first served, across processes), re-entrant only by `within`: two
 * callers of one process exclude each other as well. README.md beside this file says what it promises.
 */
export class Mutex {
  readonly #taker: LockTaker;

  /** @throws ConclaveError `INVALID_NAME` for an empty name. */
  constructor(context: RecipeContext, name: string) {
    this.#taker = new LockTaker(context, name, lockPrefix(context, name), 'write');
  }

  /**
   * Waits for its turn. An abort or timeout leaves nothing behind.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `SESSION_LOST`, `LOST` (the waiting place was deleted),
   * `UNAVAILABLE` when the store could not be asked for a whole TTL, `INVALID_ARGUMENT` for a `within` that is another.
   */
  lock(options: LockOptions = {}): Promise<Held> {
    return this.#taker.take(options);
  }

  /**
   * Takes the lock if it is free, else resolves to null at once: one round trip, nothing left behind. Throws as `lock`.
   */
  tryLock(options: LockOptions = {}): Promise<Held | null> {
    return this.#taker.try(options);
  }

  /**
   * Runs `work` under the lock and lets go when it has settled. `signal` in `options` also reaches the work, through
   * `held.signal`.
   * @throws what `work` throws, as it is; `LOST` or `SESSION_LOST` when the lock was lost meanwhile, even if `work`
   * resolves; `INVALID_ARGUMENT`, with nothing taken, for a `work` that is no function.
   */
  withLock<T>(options: LockOptions, work: (held: Held) => Promise<T> | T): Promise<T> {
    return this.#taker.with(options, work);
  }
}
