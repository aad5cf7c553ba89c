import { type WaitOptions, withDeadline } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import { assertFunction } from '../core/given.js';
import { assertWhole } from '../core/whole.js';
import { take, tryTake, type Wish } from '../line/acquire.js';
import type { HoldOptions, RecipeContext } from '../line/context.js';
import type { Held } from '../line/held.js';
import { type Hold, whileHeld } from '../line/hold.js';
import { noneIn } from '../line/rule.js';
import { assertFits, semaphorePrefix, semaphoreWish } from '../line/semaphore-wish.js';
import { type Load, semaphoreKeys } from '../line/weighted.js';
import { remove } from '../store/ops.js';
import { untilDone } from '../store/repeat.js';
import { inspectSemaphore, type SemaphoreState } from './inspect.js';
import { PermitChange } from './permit-change.js';

export interface SemaphoreOptions {
  /** How many there are. Everyone who uses the semaphore must say the same number. */
  readonly permits: number;
}

export interface SemaphoreAcquireOptions extends HoldOptions {
  /** How many of the permits to take, all at once. Default: 1. */
  readonly permits?: number | undefined;
}

/** A number of permits that are out at most. README.md beside this file says what it promises. */
export class Semaphore {
  readonly name: string;
  readonly #context: RecipeContext;
  readonly #prefix: Bytes;
  readonly #declared: number;
  /** Shared by all acquisitions: how many places to read at once. */
  readonly #seen: Load['seen'];

  /** @throws ConclaveError `INVALID_NAME` for an empty name, `INVALID_ARGUMENT` unless `permits` is a whole number. */
  constructor(context: RecipeContext, name: string, options: SemaphoreOptions) {
    const { permits } = Object(options) as SemaphoreOptions;
    assertWhole('permits', permits, 1);
    this.#context = context;
    this.name = name;
    this.#prefix = semaphorePrefix(context, name);
    this.#declared = permits;
    this.#seen = { highest: permits };
  }

  /**
   * Waits until the permits fit in beside everyone who came before. An abort or timeout leaves nothing behind.
   * @throws what `Mutex.lock` throws; ConclaveError `INVALID_ARGUMENT` for a number of permits that can never be had,
   * `MISMATCH` when others have declared another number for the semaphore.
   */
  async acquire(options: SemaphoreAcquireOptions = {}): Promise<Held> {
    return this.#taken(options);
  }

  /** The permits if they are free and nobody waits for them, else null, with nothing left behind. */
  async tryAcquire(options: SemaphoreAcquireOptions = {}): Promise<Held | null> {
    return this.#fitting(options, (wish, own) => tryTake(this.#context, wish, own));
  }

  /** Runs `work` while it has the permits, and gives them back when it has settled. Throws as `Mutex.withLock`. */
  async withPermits<T>(options: SemaphoreAcquireOptions = {}, work: (held: Held) => Promise<T> | T): Promise<T> {
    assertFunction('the work (last argument)', work);
    return whileHeld(await this.#taken(options), work, options.signal);
  }

  /**
   * Changes how many permits there are, for everybody and until it is changed again; what users declare stays. Who
   * holds keeps what it has, though it may be more than that now: then nobody gets any until enough have gone. 0:
   * nobody gets any.
   * @throws ConclaveError `INVALID_ARGUMENT`, `MISMATCH`; `TIMEOUT`, outcome unknown, or `signal.reason`: then it may
   * have been done.
   */
  setPermits(permits: number, options: WaitOptions = {}): Promise<void> {
    const { runtime, store } = this.#context;
    return withDeadline(runtime, this.#what, options, async (signal) => {
      assertWhole('permits', permits, 0);
      const change = new PermitChange(store, this.#prefix, this.#declared, permits);
      await untilDone(runtime, signal, () => change.attempt());
    });
  }

  /** How many permits there are, who has them and who waits, at one revision. */
  inspect(options: Pick<WaitOptions, 'signal'> = {}): Promise<SemaphoreState> {
    return inspectSemaphore(this.#context, this.name, this.#prefix, this.#declared, options);
  }

  /**
   * Forgets the number of permits, so that the next user may declare another: the two keys are all that a semaphore
   * leaves behind. Resolves to false, with nothing done, if anybody holds or waits.
   */
  delete(options: WaitOptions = {}): Promise<boolean> {
    const { runtime, store } = this.#context;
    const { places, declared, permits } = semaphoreKeys(this.#prefix);
    const txn = { compare: [noneIn(places)], success: [remove(declared), remove(permits)] };
    return withDeadline(runtime, this.#what, options, async (signal) => {
      return (await untilDone(runtime, signal, () => store.txn(txn))).succeeded;
    });
  }

  get #what(): string {
    return `semaphore ${JSON.stringify(this.name)}`;
  }

  #taken(options: SemaphoreAcquireOptions): Promise<Hold> {
    return this.#fitting(options, (wish, own) => take(this.#context, wish, own));
  }

  /** Who wants more than was declared asks first whether that can ever be had, in the time that the caller has. */
  async #fitting<T>(
    options: SemaphoreAcquireOptions,
    then: (wish: Wish<Hold>, options: HoldOptions) => Promise<T>,
  ): Promise<T> {
    const { permits = 1 } = options;
    assertWhole('permits', permits, 1);
    const load = { declared: this.#declared, weight: permits, seen: this.#seen };
    const wish = semaphoreWish(this.name, this.#prefix, load);
    if (permits <= this.#declared) return then(wish, options);
    return withDeadline(this.#context.runtime, this.#what, options, async (signal) => {
      await assertFits(this.#context, this.#prefix, load, signal);
      return then(wish, { ...options, signal, timeoutMs: undefined });
    });
  }
}
