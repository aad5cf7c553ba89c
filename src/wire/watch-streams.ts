import { ConclaveError } from '../core/errors.js';
import type { WatchLane as LaneName, WatchListener, WatchSpec } from '../store/store.js';
import { WatchEntry } from './watch-entry.js';
import { WatchLane, type WatchLaneContext } from './watch-lane.js';

/** All watches of a store: one stream per lane. */
export class WatchStreams {
  readonly #control: WatchLane;
  readonly #bulk: WatchLane;
  #closed = false;

  constructor(context: WatchLaneContext) {
    this.#control = new WatchLane(context);
    this.#bulk = new WatchLane(context);
  }

  watch(spec: WatchSpec, listener: WatchListener): () => void {
    const entry = new WatchEntry(spec, listener);
    if (this.#closed) {
      // The caller has not got its cancel function yet.
      void Promise.resolve().then(() => entry.end(closedError()));
      return () => void entry.stop();
    }
    const lane = this.#laneOf(spec.lane);
    lane.add(entry);
    return () => {
      entry.stop();
      lane.remove(entry);
    };
  }

  requestProgress(name: LaneName): Promise<boolean> {
    return this.#laneOf(name).requestProgress();
  }

  #laneOf(name: LaneName | undefined): WatchLane {
    return name === 'control' ? this.#control : this.#bulk;
  }

  close(): void {
    this.#closed = true;
    this.#control.close(closedError());
    this.#bulk.close(closedError());
  }
}

function closedError(): ConclaveError {
  return new ConclaveError('CLOSED', 'the store is closed');
}
