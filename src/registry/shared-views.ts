import { latin1 } from '../core/bytes.js';
import { Shared } from '../core/shared.js';
import type { SessionContext } from '../lease/session.js';
import type { MirrorChecks } from '../store/mirror-checks.js';
import type { DiscoveryListener, Subscription } from './discovery.js';
import { ServiceView, type ViewSpec } from './service-view.js';

/** One range and one watch per service and process, however many discover it; given back with the last of them. */
export class SharedViews {
  readonly #context: SessionContext;
  readonly #checks: MirrorChecks;
  readonly #onUnreadable: (key: string, error: unknown) => void;
  readonly #views = new Shared<ServiceView, DiscoveryListener>();

  constructor(context: SessionContext, checks: MirrorChecks, onUnreadable: (key: string, error: unknown) => void) {
    this.#checks = checks;
    this.#context = context;
    this.#onUnreadable = onUnreadable;
  }

  subscribe(spec: ViewSpec, listener: DiscoveryListener): Subscription {
    const id = `${spec.codec.name} ${latin1(spec.key)} ${latin1(spec.rangeEnd)}`;
    const { shared: view, unsubscribe } = this.#views.subscribe(
      id,
      (hub) =>
        new ServiceView(this.#context, this.#checks, spec, {
          onChange: (change) => hub.tell((each) => each.onChange(change)),
          onUnreadable: this.#onUnreadable,
          onEnd: (error) => hub.end(error),
        }),
      listener,
    );
    return { view, unsubscribe };
  }
}
