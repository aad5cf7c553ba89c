/**
 * Whose turn it is, for a log that no disk makes wait: it would be done before the event loop comes to anything else.
 */
export class Turn {
  readonly #gathers: boolean;
  #isTaken = false;

  /**
   * `gathers`: callers come one by one, over sockets. Of all that the event loop brings in one turn the first goes at
   * once, for whoever comes alone, and the rest together.
   */
  constructor(gathers: boolean) {
    this.#gathers = gathers;
  }

  /** Settles when what is there may be written; undefined: now. `yields`: something else is to go on meanwhile. */
  mine(yields: boolean): Promise<void> | undefined {
    if (yields || this.#isTaken) return new Promise((resolve) => setImmediate(resolve));
    if (this.#gathers) {
      this.#isTaken = true;
      setImmediate(() => {
        this.#isTaken = false;
      });
    }
    return undefined;
  }
}
