import type { Runtime } from '../core/runtime.js';

/** How long after the last word from the store something counts as stale, in milliseconds, unless said otherwise. */
export const defaultStaleAfterMs = 15_000;

/** Tells when what is shown becomes stale, since the store was not heard for long, and when it is fresh again. */
export class Freshness {
  readonly #runtime: Runtime;
  readonly #staleAfterMs: number;
  readonly #silentMs: () => number;
  readonly #onTurn: (stale: boolean) => void;
  #stale = false;
  #stopTimer: () => void = () => {};

  constructor(runtime: Runtime, staleAfterMs: number, silentMs: () => number, onTurn: (stale: boolean) => void) {
    this.#runtime = runtime;
    this.#staleAfterMs = staleAfterMs;
    this.#silentMs = silentMs;
    this.#onTurn = onTurn;
  }

  /** As the clock says now, whether or not a timer had its turn. */
  get stale(): boolean {
    return this.#silentMs() > this.#staleAfterMs;
  }

  /** Begins; the function returned ends it. */
  start(): () => void {
    this.#arm();
    return () => this.#stopTimer();
  }

  /** The store was heard. */
  heard(): void {
    if (this.#stale) this.#turn(false);
  }

  /** One timer for as long as it runs, not one per word: it waits for the rest when there was a word meanwhile. */
  #arm(): void {
    const leftMs = Math.max(this.#staleAfterMs - this.#silentMs(), 0) + 1;
    this.#stopTimer = this.#runtime.setTimer(leftMs, () => {
      if (this.stale) this.#turn(true);
      else this.#arm();
    });
  }

  #turn(stale: boolean): void {
    this.#stale = stale;
    if (!stale) this.#arm();
    this.#onTurn(stale);
  }
}
