import type { Bytes } from '../core/bytes.js';
import { type Known, sameWish } from './known-key.js';

/** What is to stand at a key: what its owner says, or what stood there before the store refused that. */
export class KeyWish {
  readonly #said: () => Bytes | undefined;
  #sent: Bytes | undefined;
  #instead: Bytes | undefined;

  constructor(said: () => Bytes | undefined) {
    this.#said = said;
  }

  /** Undefined: the key is to be absent. */
  get value(): Bytes | undefined {
    const said = this.#said();
    return said === undefined ? undefined : (this.#instead ?? said);
  }

  /** The owner says something new. */
  renew(): void {
    this.#instead = undefined;
  }

  send(value: Bytes | undefined): void {
    this.#sent = value;
  }

  /**
   * What was sent last is refused for good. `renewed`: something else is wished by now; `settled`: what is known to
   * stand is wished instead, until the owner says something new; `refused`: there is nothing to fall back on.
   */
  refuse(known: Known): 'renewed' | 'settled' | 'refused' {
    const { value } = this;
    if (known?.own !== true || value === undefined) return 'refused';
    if (!sameWish(this.#sent, value)) return 'renewed';
    if (this.#instead !== undefined || sameWish(known.value, value)) return 'refused';
    this.#instead = known.value;
    return 'settled';
  }
}
