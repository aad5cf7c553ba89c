import { ConclaveError } from './errors.js';

/** What is shared tells all who share it through this. */
export interface Hub<L> {
  tell(fn: (listener: L) => void): void;
  /** It is over for all of them; whoever asks next gets a new one. */
  end(error: ConclaveError): void;
}

/** A share in something; given back by `unsubscribe()`, which is idempotent. */
export interface Share<T> {
  readonly shared: T;
  unsubscribe(): void;
}

interface Entry<T, L> {
  readonly shared: T;
  readonly listeners: Set<L>;
  readonly stop: () => void;
}

/** One thing per id, however many use it: begun for the first of them, given back with the last. */
export class Shared<T extends { start(): () => void }, L extends { onEnd(error: ConclaveError): void }> {
  readonly #entries = new Map<string, Entry<T, L>>();

  subscribe(id: string, make: (hub: Hub<L>) => T, listener: L): Share<T> {
    const entry = this.#entries.get(id) ?? this.#open(id, make);
    entry.listeners.add(listener);
    const unsubscribe = () => {
      if (!entry.listeners.delete(listener) || entry.listeners.size > 0) return;
      entry.stop();
      if (this.#entries.get(id) === entry) this.#entries.delete(id);
    };
    return { shared: entry.shared, unsubscribe };
  }

  #open(id: string, make: (hub: Hub<L>) => T): Entry<T, L> {
    const listeners = new Set<L>();
    const tell = (fn: (listener: L) => void) => {
      for (const listener of [...listeners]) fn(listener);
    };
    const shared = make({
      tell,
      end: (error) => {
        this.#entries.delete(id);
        tell((listener) => listener.onEnd(ConclaveError.from(error)));
      },
    });
    const entry = { shared, listeners, stop: shared.start() };
    this.#entries.set(id, entry);
    return entry;
  }
}
