import { deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { Event } from '../store/messages.js';
import type { Store } from '../store/store.js';
import type { Bell } from './rule.js';

/**
 * Rings when one of `bells` has an event, or when a watch had to end: somebody should look again, as they should when
 * it has been quiet for `boundMs`. A ring never says what happened: a watch is a hint (events were lost around
 * compaction, etcd #18089, #19179), the look decides. What it has heard may spare the look some of its reading.
 */
export class Doorbell {
  /** Resolves when every watch is in place: what happens from now on rings. Resolves after `boundMs` at the latest. */
  readonly armed: Promise<void>;
  readonly heard: Event[] = [];
  readonly #runtime: Runtime;
  readonly #boundMs: number;
  readonly #cleanups: (() => void)[];
  #stopTimer = () => {};
  /** How it has rung, or has turned out never to. */
  #rung: { readonly error?: ConclaveError } | undefined;
  #tell = () => {};

  constructor(store: Store, runtime: Runtime, bells: readonly Bell[], boundMs: number) {
    this.#runtime = runtime;
    this.#boundMs = boundMs;
    const armed = deferred();
    let unarmed = bells.length;
    const rung = { resolve: () => this.#ring({}), reject: (error: ConclaveError) => this.#ring({ error }) };
    this.#cleanups = bells.map((bell) =>
      store.watch(
        { ...bell, lane: 'control' },
        {
          onCreated: () => {
            unarmed -= 1;
            if (unarmed === 0) armed.resolve();
          },
          onEvents: (events) => {
            this.heard.push(...events);
            rung.resolve();
          },
          onEnd: (error) => (ConclaveError.is(error, 'COMPACTED') ? rung.resolve() : rung.reject(error)),
        },
      ),
    );
    this.armed = Promise.race([armed.promise, this.rings().then(() => {})]);
    // Nobody may be listening any more when it fails.
    this.armed.catch(() => {});
  }

  /**
   * Resolves to true as soon as it has rung, to false when it has been quiet for `boundMs`: then it may be asked again.
   * Rejects if the store says that watching will never work.
   */
  rings(): Promise<boolean> {
    this.#stopTimer();
    return new Promise((resolve, reject) => {
      this.#tell = () => {
        if (this.#rung?.error === undefined) resolve(this.#rung !== undefined);
        else reject(this.#rung.error);
      };
      if (this.#rung !== undefined) this.#tell();
      else this.#stopTimer = this.#runtime.setTimer(this.#boundMs, this.#tell);
    });
  }

  /** Ends watches and timer. Idempotent. */
  close(): void {
    this.#stopTimer();
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
  }

  #ring(how: { readonly error?: ConclaveError }): void {
    this.#rung ??= how;
    this.#stopTimer();
    this.#tell();
  }
}
