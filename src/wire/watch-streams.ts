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
    const refusal = this.#closed ? closedError() : faultOf(spec);
    if (refusal !== undefined) {
      // The caller has not got its cancel function yet.
      void Promise.resolve().then(() => entry.end(refusal));
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

/** What no message can hold must not come to a stream: it would fail in its midst, and with it every other watch. */
function faultOf({ startRevision = 0n }: WatchSpec): ConclaveError | undefined {
  if (startRevision === BigInt.asIntN(64, startRevision)) return undefined;
  return new ConclaveError('INVALID_ARGUMENT', `no revision can be ${startRevision}`);
}
