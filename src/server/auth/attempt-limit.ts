import type { Runtime } from '../../core/runtime.js';
import { etcdError } from '../../store/etcd-errors.js';

/** Failed attempts per second that one address may make for ever, and how many it may make at once. */
const perSecond = 5;
const burst = 20;
/** Addresses to remember. Beyond it those are forgotten that waited longest, and may begin anew. */
const maxAddresses = 10_000;

interface Bucket {
  readonly left: number;
  readonly atMs: number;
}

/** Slows down whoever guesses passwords. Only failures count: a fleet may start at once. */
export class AttemptLimit {
  readonly #runtime: Runtime;
  readonly #buckets = new Map<string, Bucket>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Throws `too many requests`. */
  check(address: string): void {
    if (this.#left(address) < 1) throw etcdError('tooManyRequests');
  }

  /** Those that were under way together may take more than there was: it has to come back first. */
  failed(address: string): void {
    const left = this.#left(address) - 1;
    this.#buckets.delete(address);
    this.#buckets.set(address, { left, atMs: this.#runtime.monotonicMs() });
    if (this.#buckets.size > maxAddresses) this.#forgetOldest();
  }

  #left(address: string): number {
    const bucket = this.#buckets.get(address);
    if (bucket === undefined) return burst;
    return Math.min(burst, bucket.left + ((this.#runtime.monotonicMs() - bucket.atMs) / 1_000) * perSecond);
  }

  #forgetOldest(): void {
    for (const address of this.#buckets.keys()) {
      this.#buckets.delete(address);
      return;
    }
  }
}
