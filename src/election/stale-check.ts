import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import { lookAgainMs } from '../line/line.js';
import type { Place } from '../line/place.js';
import type { Store } from '../store/store.js';

export interface StaleCheckListener {
  /** Who leads as far as the events tell. */
  leader(): Place | undefined;
  /** The events do not tell the truth any more. */
  stale(): void;
}

/**
 * Asks the store now and then whether the leader that an observer believes in is still there: a DELETE event that was
 * lost (etcd #18089, #19179) would leave it in front of all who follow, for ever. One answer may be ahead of the
 * events, which travel on another stream; two in a row, `lookAgainMs` apart, are not. The function returned ends it.
 */
export function checkForStale(store: Store, runtime: Runtime, listener: StaleCheckListener): () => void {
  let stopped = false;
  let stopTimer = () => {};
  let missed: Place | undefined;
  const look = async () => {
    const believed = listener.leader();
    if (believed === undefined) return;
    const { kvs } = await store.range({ key: believed.key });
    const gone = kvs[0]?.createRevision !== believed.createRevision;
    if (stopped || !gone || listener.leader()?.createRevision !== believed.createRevision) {
      missed = undefined;
    } else if (missed?.createRevision === believed.createRevision) {
      missed = undefined;
      listener.stale();
    } else {
      missed = believed;
    }
  };
  const arm = () => {
    if (stopped) return;
    stopTimer = runtime.setTimer(lookAgainMs, () => {
      look()
        .catch((error: unknown) => {
          // Not answered, or refused: the watch says what that means.
          if (!ConclaveError.is(error)) throw error;
        })
        .finally(arm);
    });
  };
  arm();
  return () => {
    stopped = true;
    stopTimer();
  };
}
