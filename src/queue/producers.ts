import { IdleMap } from '../core/idle-map.js';
import type { RecipeContext } from '../line/context.js';
import type { QueueKeys } from './keys.js';
import { Producer } from './producer.js';

/** So many that nobody uses are kept, with the end of their queue as it was seen last. */
const idleMax = 1_000;

/** The producers of one connection: all who add to the same queue in a process add together. */
export class Producers {
  readonly #byQueue = new IdleMap<Producer>(idleMax);

  static of(context: RecipeContext, keys: QueueKeys): Producer {
    const producers = context.sessions.companions.of(Producers, 'queue producers', () => new Producers());
    return producers.#byQueue.of(keys.root, () => new Producer(context, keys));
  }
}
