/** How much a peer may still send, on a stream or on the whole connection (RFC 9113, 6.9). */
export class ReceiveWindow {
  /** Nothing is given back. */
  isPaused = false;
  readonly #size: number;
  #left: number;
  /** Taken, and not given back yet. */
  #owed = 0;

  constructor(bytes: number) {
    this.#size = bytes;
    this.#left = bytes;
  }

  /** False: the peer has sent more than it may. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    this.#owed += bytes;
    return this.#left >= 0;
  }

  /** What the peer is to be told that it may send again: 0 until that is half of the window, to save frames. */
  giveBack(): number {
    if (this.isPaused || 2 * this.#owed < this.#size) return 0;
    const bytes = this.#owed;
    this.#left += bytes;
    this.#owed = 0;
    return bytes;
  }
}
