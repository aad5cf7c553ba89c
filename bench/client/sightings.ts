import { type Deferred, deferred } from '../../src/core/deferred.js';

/** When each value was first seen, for those who ask before and for those who ask after. */
export class Sightings {
  readonly #times = new Map<string, Deferred<number>>();

  tell(value: string): void {
    this.#at(value).resolve(monotonicMs());
  }

  /** Resolves with the time at which `value` was seen. */
  of(value: string): Promise<number> {
    return this.#at(value).promise;
  }

  #at(value: string): Deferred<number> {
    const found = this.#times.get(value) ?? deferred<number>();
    this.#times.set(value, found);
    return found;
  }
}

/** Not `performance.now()`, which counts from the start of each process. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
