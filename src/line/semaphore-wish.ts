import { type Bytes, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { untilAnswered } from '../store/repeat.js';
import type { Wish } from './acquire.js';
import { linePrefix, type RecipeContext } from './context.js';
import { Hold } from './hold.js';
import { type Load, permitsIn, semaphoreKeys, weighted } from './weighted.js';

/** Where semaphores live, below the namespace. */
const root = 'semaphores';

/** Where the semaphore `name` has its line. */
export function semaphorePrefix(context: RecipeContext, name: string): Bytes {
  return linePrefix(context, root, name);
}

/** The wish for some of the permits of the semaphore `name`. */
export function semaphoreWish(name: string, prefix: Bytes, load: Load): Wish<Hold> {
  return {
    name,
    what: `semaphore ${JSON.stringify(name)}`,
    rule: weighted(prefix, load),
    make: (context, session, turn, maxHoldMs) => new Hold(context, session, name, turn, maxHoldMs),
  };
}

/**
 * For who wants more permits than were declared: there must be as many since `setPermits`, or it would wait for ever.
 * One read then, none otherwise.
 * @throws ConclaveError `INVALID_ARGUMENT`.
 */
export async function assertFits(
  { store, runtime }: RecipeContext,
  prefix: Bytes,
  { declared, weight }: Load,
  signal: AbortSignal,
): Promise<void> {
  if (weight <= declared) return;
  const request = { key: semaphoreKeys(prefix).permits };
  const found = await untilAnswered(runtime, signal, () => store.range(request, { signal }));
  const { permits } = permitsIn(found, declared);
  if (weight <= permits) return;
  const message = `${weight} permits of ${utf8Text(prefix)}, which has ${permits}`;
  throw new ConclaveError('INVALID_ARGUMENT', message);
}
