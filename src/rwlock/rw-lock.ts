import type { LockOptions, RecipeContext } from '../line/context.js';
import type { LockHeld } from '../line/held.js';
import { LockTaker, lockPrefix } from '../line/lock-wish.js';

/** One lock that many may read or one may write. README.md beside this file says what it promises. */
export class RwLock {
  readonly #reader: LockTaker;
  readonly #writer: LockTaker;

  /** @throws ConclaveError `INVALID_NAME` for an empty name. */
  constructor(context: RecipeContext, name: string) {
    const prefix = lockPrefix(context, name);
    this.#reader = new LockTaker(context, name, prefix, 'read');
    this.#writer = new LockTaker(context, name, prefix, 'write');
  }

  /** Waits until every writer that came before has gone. Throws as `Mutex.lock`. */
  read(options: LockOptions = {}): Promise<LockHeld> {
    return this.#reader.take(options);
  }

  /** Waits until everyone who came before has gone; the same as `lock(name)`. Throws as `Mutex.lock`. */
  write(options: LockOptions = {}): Promise<LockHeld> {
    return this.#writer.take(options);
  }

  /** To read if no writer holds or waits, else null: one round trip, nothing left behind. */
  tryRead(options: LockOptions = {}): Promise<LockHeld | null> {
    return this.#reader.try(options);
  }

  /** To write if nobody holds or waits, else null: one round trip, nothing left behind. */
  tryWrite(options: LockOptions = {}): Promise<LockHeld | null> {
    return this.#writer.try(options);
  }

  /** Runs `work` while it may read, and lets go when it has settled. Throws as `Mutex.withLock`. */
  withRead<T>(options: LockOptions, work: (held: LockHeld) => Promise<T> | T): Promise<T> {
    return this.#reader.with(options, work);
  }

  /** Runs `work` while it may write, and lets go when it has settled. Throws as `Mutex.withLock`. */
  withWrite<T>(options: LockOptions, work: (held: LockHeld) => Promise<T> | T): Promise<T> {
    return this.#writer.with(options, work);
  }
}
