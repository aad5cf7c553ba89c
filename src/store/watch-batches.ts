import { AsyncQueue } from '../core/async-queue.js';
import { ConclaveError } from '../core/errors.js';
import type { Event } from './messages.js';
import type { Store, WatchListener, WatchSpec } from './store.js';

/** The changes of one or more whole revisions. */
export interface WatchBatch {
  readonly events: readonly Event[];
  /** The store's revision when they were told. */
  readonly revision: bigint;
}

/** A consumer this many tellings behind is told so, rather than fed for ever from memory or left with a gap. */
const untoldMax = 10_000;

/**
 * A watch as an async iteration, which begins with its first `next`; ends with the error that ended the watch. What
 * the store tells while the consumer is not waiting comes as one batch: of a burst the first telling answers the call
 * that waits and the rest the next one, and a consumer that is behind catches up with one turn.
 */
export function watchBatches(
  store: Store,
  spec: WatchSpec,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchBatch, void, undefined> {
  const queue = new AsyncQueue<WatchBatch>(1, { merge: joined });
  let untold = 0;
  const listener: WatchListener = {
    onEvents: (events, revision) => {
      untold = queue.size === 0 ? 1 : untold + 1;
      if (untold <= untoldMax) queue.push({ events, revision });
      else queue.end(new ConclaveError('RESOURCE_EXHAUSTED', behind));
    },
    onEnd: (error) => queue.end(error),
  };
  return queue.read({ signal, onStart: () => store.watch(spec, listener) });
}

const behind = `the reader fell ${untoldMax} tellings behind the watch`;

/** A batch that others are added to until it is read. Its events are its own, unlike those that the store told. */
class Growing implements WatchBatch {
  readonly events: Event[] = [];
  revision = 0n;

  add({ events, revision }: WatchBatch): this {
    for (const event of events) this.events.push(event);
    this.revision = revision;
    return this;
  }
}

function joined([first, second]: readonly WatchBatch[]): WatchBatch {
  const growing = first instanceof Growing ? first : new Growing().add(first as WatchBatch);
  return growing.add(second as WatchBatch);
}
