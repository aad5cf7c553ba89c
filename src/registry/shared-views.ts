import { latin1 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { SessionContext } from '../lease/session.js';
import type { DiscoveryListener, Subscription } from './discovery.js';
import { ServiceView, type ViewSpec } from './service-view.js';

interface Entry {
  readonly view: ServiceView;
  readonly listeners: Set<DiscoveryListener>;
  readonly stop: () => void;
}

/** One range and one watch per service and process, however many discover it; given back with the last of them. */
export class SharedViews {
  readonly #context: SessionContext;
  readonly #onUnreadable: (key: string, error: unknown) => void;
  readonly #entries = new Map<string, Entry>();

  constructor(context: SessionContext, onUnreadable: (key: string, error: unknown) => void) {
    this.#context = context;
    this.#onUnreadable = onUnreadable;
  }

  subscribe(spec: ViewSpec, listener: DiscoveryListener): Subscription {
    const id = `${spec.codec.name} ${latin1(spec.key)} ${latin1(spec.rangeEnd)}`;
    const entry = this.#entries.get(id) ?? this.#open(id, spec);
    entry.listeners.add(listener);
    const unsubscribe = () => {
      if (!entry.listeners.delete(listener) || entry.listeners.size > 0) return;
      entry.stop();
      if (this.#entries.get(id) === entry) this.#entries.delete(id);
    };
    return { view: entry.view, unsubscribe };
  }

  #open(id: string, spec: ViewSpec): Entry {
    const listeners = new Set<DiscoveryListener>();
    const view = new ServiceView(this.#context, spec, {
      onChange: (change) => {
        for (const listener of [...listeners]) listener.onChange(change);
      },
      onUnreadable: this.#onUnreadable,
      onEnd: (error) => {
        this.#entries.delete(id);
        for (const listener of [...listeners]) listener.onEnd(ConclaveError.from(error));
      },
    });
    const entry = { view, listeners, stop: view.start() };
    this.#entries.set(id, entry);
    return entry;
  }
}
