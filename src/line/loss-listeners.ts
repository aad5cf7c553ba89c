import { callUser } from '../core/call-user.js';
import type { ConclaveError } from '../core/errors.js';

type Listener = (error: ConclaveError) => void;

/** Who wants to hear of a loss, once. A listener that throws is its owner's bug, reported as such. */
export class LossListeners {
  readonly #listeners = new Set<{ readonly listener: Listener }>();

  /** `over`: how it has ended already. */
  add(listener: Listener, over: ConclaveError | undefined): () => void {
    const entry = { listener };
    if (over === undefined) this.#listeners.add(entry);
    else if (isLoss(over)) callUser(() => listener(over));
    return () => this.#listeners.delete(entry);
  }

  /** It has ended, and was not lost. */
  clear(): void {
    this.#listeners.clear();
  }

  /** It has ended with `error`. */
  tell(error: ConclaveError): void {
    const told = isLoss(error) ? [...this.#listeners] : [];
    this.clear();
    for (const { listener } of told) callUser(() => listener(error));
  }
}

function isLoss(error: ConclaveError): boolean {
  return error.code !== 'RELEASED';
}
