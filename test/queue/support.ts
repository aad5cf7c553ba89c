import { prefixEnd, utf8, utf8Text } from '../../src/core/bytes.js';
import type { Queue } from '../../src/queue/queue.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { remove } from '../../src/store/ops.js';
import { inWorld, outcomeOf, type SimWorld } from '../support/sim-world.js';

export const stop = new Error('stop');

/** As `inWorld`; checks that nothing but the queue's own counters is left, and takes those away. */
export function inQueueWorld(test: (world: SimWorld) => Promise<void>): Promise<void> {
  return inWorld(async (world) => {
    await test(world);
    // A slot whose making was applied late holds no job, and goes with the lease.
    const left = (await world.keys('queues/'))
      .filter(({ value }) => utf8Text(value) !== '{}')
      .map(({ key }) => utf8Text(key));
    const unexpected = left.filter((key) => !/^queues\/[^/]+\/(tail$|switch$|gone\/)/.test(key));
    if (unexpected.length > 0) throw new Error(`left behind: ${unexpected.join(', ')}`);
    const key = utf8('queues/');
    await world.truth.txn({ success: [remove(key, { rangeEnd: prefixEnd(key) })] });
  });
}

/** Whether a call settles a claim. */
export function isSettling(name: string, request: unknown): boolean {
  return name === 'txn' && (request as TxnRequest).success?.[0]?.type === 'deleteRange';
}

/** The names of what is below a queue's folder. */
export async function below(world: SimWorld, folder: string): Promise<string[]> {
  return (await world.keys(`queues/${folder}`)).map(({ key }) => utf8Text(key));
}

/** Runs a consumer until the function returned is called; resolves when it has ended. */
export function consuming(
  queue: Queue,
  handler: Parameters<Queue['consume']>[0],
  options: Parameters<Queue['consume']>[1] = {},
): () => Promise<void> {
  const stopping = new AbortController();
  const ended = outcomeOf(queue.consume(handler, { ...options, signal: stopping.signal }));
  return async () => {
    stopping.abort(stop);
    const outcome = await ended;
    if (!('error' in outcome) || outcome.error !== stop) throw new Error('ended otherwise', { cause: outcome });
  };
}
