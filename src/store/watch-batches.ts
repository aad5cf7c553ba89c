import { onAbort } from '../core/abort.js';
import { AsyncQueue } from '../core/async-queue.js';
import { ConclaveError } from '../core/errors.js';
import type { Event } from './messages.js';
import type { Store, WatchSpec } from './store.js';

/** The changes of one or more whole revisions. */
export interface WatchBatch {
  readonly events: readonly Event[];
  /** The store's revision when they were told. */
  readonly revision: bigint;
}

/** A consumer this far behind is told so, rather than fed for ever from memory or left with a gap. */
const batchLimit = 10_000;

/** A watch as an async iteration; ends with the error that ended the watch. */
export async function* watchBatches(
  store: Store,
  spec: WatchSpec,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchBatch, void, undefined> {
  signal?.throwIfAborted();
  const queue = new AsyncQueue<WatchBatch>(batchLimit);
  let waiting = 0;
  const cancel = store.watch(spec, {
    onEvents: (events, revision) => {
      waiting += 1;
      if (waiting <= batchLimit) queue.push({ events, revision });
      else queue.end(new ConclaveError('RESOURCE_EXHAUSTED', `the reader fell ${batchLimit} batches behind the watch`));
    },
    onEnd: (error) => queue.end(error),
  });
  // A reader that does not come back holds no watch after the abort.
  const unlink = onAbort(signal, cancel);
  try {
    for await (const batch of queue.drain(signal)) {
      waiting -= 1;
      yield batch;
    }
  } finally {
    unlink();
    cancel();
  }
}
