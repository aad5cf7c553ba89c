import type { Runtime } from '../core/runtime.js';

/** How long after the last word from the store something counts as stale, in milliseconds, unless said otherwise. */
export const defaultStaleAfterMs = 15_000;

/** What tells of the store, as a `Mirror` does. */
export interface Hearing {
  /** Milliseconds since the store was last heard. */
  readonly silentMs: number;
  /** Calls `fn` when it is heard next; the function returned takes the call back. */
  onceHeard(fn: () => void): () => void;
}

/** Tells when what is shown becomes stale, since the store was not heard for long, and when it is fresh again. */
export class Freshness {
  readonly #runtime: Runtime;
  readonly #staleAfterMs: number;
  readonly #hearing: Hearing;
  readonly #onTurn: (stale: boolean) => void;
  #stopWaiting: () => void = () => {};

  constructor(runtime: Runtime, staleAfterMs: number, hearing: Hearing, onTurn: (stale: boolean) => void) {
    this.#runtime = runtime;
    this.#staleAfterMs = staleAfterMs;
    this.#hearing = hearing;
    this.#onTurn = onTurn;
  }

  /** As the clock says now, whether or not a timer had its turn. */
  get stale(): boolean {
    return this.#hearing.silentMs > this.#staleAfterMs;
  }

  /** Begins; the function returned ends it. */
  start(): () => void {
    this.#arm();
    return () => this.#stopWaiting();
  }

  /** One timer for as long as it runs, not one per word: it waits for the rest when there was a word meanwhile. */
  #arm(): void {
    const leftMs = Math.max(this.#staleAfterMs - this.#hearing.silentMs, 0) + 1;
    this.#stopWaiting = this.#runtime.setTimer(leftMs, () => {
      if (this.stale) this.#turn();
      else this.#arm();
    });
  }

  #turn(): void {
    this.#stopWaiting = this.#hearing.onceHeard(() => {
      this.#arm();
      this.#onTurn(false);
    });
    this.#onTurn(true);
  }
}
