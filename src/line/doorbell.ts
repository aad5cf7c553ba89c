import { deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { Store } from '../store/store.js';
import type { Bell } from './rule.js';

/**
 * Rings when one of `bells` has an event, when a watch had to end, or after `boundMs`: somebody should look again. It
 * never says what happened: a watch is a hint (events were lost around compaction, etcd #18089, #19179), the look
 * decides.
 */
export class Doorbell {
  /** Resolves when every watch is in place: what happens from now on rings. Resolves with the bell at the latest. */
  readonly armed: Promise<void>;
  /** Resolves at the first ring; rejects if the store says that watching will never work. */
  readonly rung: Promise<void>;
  readonly #cleanups: (() => void)[];

  constructor(store: Store, runtime: Runtime, bells: readonly Bell[], boundMs: number) {
    const armed = deferred();
    const rung = deferred();
    let unarmed = bells.length;
    const watches = bells.map((bell) =>
      store.watch(
        { ...bell, lane: 'control' },
        {
          onCreated: () => {
            unarmed -= 1;
            if (unarmed === 0) armed.resolve();
          },
          onEvents: () => rung.resolve(),
          onEnd: (error) => (ConclaveError.is(error, 'COMPACTED') ? rung.resolve() : rung.reject(error)),
        },
      ),
    );
    this.#cleanups = [...watches, runtime.setTimer(boundMs, () => rung.resolve())];
    this.rung = rung.promise;
    this.armed = Promise.race([armed.promise, this.rung]);
    // Nobody may be listening any more when it fails.
    this.rung.catch(() => {});
    this.armed.catch(() => {});
  }

  /** Ends watches and timer. Idempotent. */
  close(): void {
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
  }
}
