import type { Held } from '../line/held.js';
import type { Compare } from '../store/messages.js';
import type { WebLockMode } from './web-lock-options.js';

/** What a callback gets: the specification's `Lock`, and what makes a distributed one safe. */
export class WebLock {
  readonly name: string;
  readonly mode: WebLockMode;
  readonly #held: Held;

  constructor(name: string, mode: WebLockMode, held: Held) {
    this.name = name;
    this.mode = mode;
    this.#held = held;
  }

  /** Grows with every later holder of the name: hand it to whatever the lock protects. Not in the specification. */
  get fence(): bigint {
    return this.#held.fence;
  }

  /**
   * Whether this is still held, judged by the clocks at this very moment; once false, always. Not in the specification.
   */
  get held(): boolean {
    return this.#held.held;
  }

  /** Milliseconds for which it is certain to stay held if the network goes away now. Not in the specification. */
  get remainingMs(): number {
    return this.#held.remainingMs;
  }

  /**
   * Aborts before another can get the lock, when it is lost or stolen. A stalled event loop delays it; `held` is right
   * even then. Not in the specification.
   */
  get signal(): AbortSignal {
    return this.#held.signal;
  }

  /** A compare that makes a txn succeed only while this lock is held. Not in the specification. */
  guard(): Compare {
    return this.#held.guard();
  }
}
