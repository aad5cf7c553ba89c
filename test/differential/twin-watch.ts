import type { Store, WatchSpec } from '../../src/store/store.js';
import { debase, type Place } from '../engine/rebase.js';

/** One watch of one of the two stores: everything it was told, in order. */
export class TwinWatch {
  readonly told: unknown[] = [];
  readonly stop: () => void;
  readonly #place: Place;
  #created: unknown;
  #lastRevision = 0n;
  #end: string | undefined;
  #waiting: (() => void)[] = [];

  constructor(store: Store, request: WatchSpec, place: Place) {
    this.#place = place;
    this.stop = store.watch(request, {
      onCreated: (revision) =>
        this.#note(() => {
          this.#created = debase({ revision }, place);
        }),
      onEvents: (events) =>
        this.#note(() => {
          this.told.push(...(debase(events, place) as unknown[]));
          this.#lastRevision = events.at(-1)?.kv.modRevision ?? this.#lastRevision;
        }),
      onEnd: (error) =>
        this.#note(() => {
          this.#end = error.message;
        }),
    });
  }

  /** Resolves when the store has answered the request. */
  answered(): Promise<void> {
    return this.#until(() => this.#created !== undefined);
  }

  /** Resolves when `count` events were told; at once if the watch is over. */
  hasTold(count: number): Promise<void> {
    return this.#until(() => this.told.length >= count);
  }

  /** Resolves when the event of `relative` revision was told. */
  hasReached(relative: bigint): Promise<void> {
    return this.#until(() => this.#lastRevision >= relative + this.#place.baseRevision);
  }

  /** What to compare. The revision at creation only tells something while nothing else writes. */
  get summary(): unknown {
    return { created: this.#created, told: this.told, end: this.#end };
  }

  /** Bounded by the test's time limit. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && this.#end === undefined) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #note(fn: () => void): void {
    fn();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
