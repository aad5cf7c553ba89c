import type { Runtime } from '../core/runtime.js';
import { type Share, Shared } from '../core/shared.js';
import type { FollowSpec } from './follow.js';
import { Mirror, type MirrorListener } from './mirror.js';
import { MirrorChecks } from './mirror-checks.js';
import { rangeId } from './range-id.js';
import type { Store } from './store.js';

/**
 * One read and one watch per range and process, however many look at it. A listener that comes later is not told the
 * first state again: it reads `items` and `revision`, where a revision of 0n says that the first state is yet to come.
 */
export class SharedMirrors {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #checks: MirrorChecks;
  readonly #mirrors = new Shared<Mirror, MirrorListener>();

  constructor(store: Store, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
    this.#checks = new MirrorChecks(store, runtime);
  }

  subscribe(spec: FollowSpec, listener: MirrorListener): Share<Mirror> {
    return this.#mirrors.subscribe(
      rangeId(spec),
      (hub) =>
        new Mirror(
          this.#store,
          this.#runtime,
          spec,
          {
            onChange: (change) => hub.tell((each) => each.onChange(change)),
            onEnd: (error) => hub.end(error),
          },
          this.#checks,
        ),
      listener,
    );
  }
}
