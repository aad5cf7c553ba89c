import type { Bytes } from '../core/bytes.js';
import { inLine } from '../line/acquire.js';
import { type AcquireOptions, linePrefix, type RecipeContext } from '../line/context.js';
import { exclusive } from '../line/exclusive.js';
import type { Held } from '../line/held.js';
import { Hold, whileHeld } from '../line/hold.js';
import { encodeHolder } from '../line/holder.js';
import { mutexKind } from '../line/line-kind.js';

/**
 * One lock by name: exclusive, fair (first come, first served, across processes), not re-entrant: two callers of one
 * process exclude each other as well. README.md beside this file says what it promises.
 */
export class Mutex {
  readonly #context: RecipeContext;
  readonly #name: string;
  readonly #prefix: Bytes;

  /** @throws ConclaveError `INVALID_NAME` for an empty name. */
  constructor(context: RecipeContext, name: string) {
    this.#context = context;
    this.#name = name;
    this.#prefix = linePrefix(context, mutexKind.root, name);
  }

  /**
   * Waits for its turn. An abort or timeout leaves nothing behind.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `SESSION_LOST`, `LOST` (the waiting place was deleted),
   * `UNAVAILABLE` when the store could not be asked for a whole TTL.
   */
  lock(options: AcquireOptions = {}): Promise<Held> {
    return this.#acquire(options);
  }

  /**
   * Takes the lock if it is free, else resolves to null at once: one round trip, nothing left behind. Throws as `lock`.
   */
  tryLock(options: AcquireOptions = {}): Promise<Held | null> {
    return inLine(this.#context, this.#what, exclusive(this.#prefix), options, async (line, session, signal) => {
      const turn = await line.joinIfFree(this.#holder(options), signal);
      return turn === undefined ? null : new Hold(this.#context, session, this.#name, turn);
    });
  }

  /**
   * Runs `work` under the lock and lets go when it has settled. `signal` in `options` also reaches the work, through
   * `held.signal`.
   * @throws what `work` throws, as it is; `LOST` or `SESSION_LOST` when the lock was lost meanwhile, even if `work`
   * resolves.
   */
  async withLock<T>(options: AcquireOptions, work: (held: Held) => Promise<T> | T): Promise<T> {
    return whileHeld(await this.#acquire(options), work, options.signal);
  }

  get #what(): string {
    return `lock ${JSON.stringify(this.#name)}`;
  }

  #acquire(options: AcquireOptions): Promise<Hold> {
    return inLine(this.#context, this.#what, exclusive(this.#prefix), options, async (line, session, signal) => {
      const turn = await line.join(this.#holder(options), signal);
      return new Hold(this.#context, session, this.#name, turn);
    });
  }

  #holder(options: AcquireOptions): Bytes {
    const { identity, runtime } = this.#context;
    return encodeHolder({ ...identity, label: options.label ?? identity.label }, runtime.clocks().wallMs);
  }
}
