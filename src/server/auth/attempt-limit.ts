import type { Runtime } from '../../core/runtime.js';
import { etcdError } from '../../store/etcd-errors.js';

/** Failed attempts per second that one address may make for ever, and how many it may make at once. */
const perSecond = 5;
const burst = 20;
/** Addresses to remember. Beyond it those are forgotten that waited longest, and may begin anew. */
const maxAddresses = 10_000;

interface Bucket {
  left: number;
  atMs: number;
}

/** Slows down whoever guesses passwords. Attempts that succeed do not count: a fleet may start at once. */
export class AttemptLimit {
  readonly #runtime: Runtime;
  readonly #buckets = new Map<string, Bucket>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Throws `too many requests`. Each attempt is taken for a failure until `succeeded` says otherwise. */
  begin(address: string): void {
    const nowMs = this.#runtime.monotonicMs();
    const before = this.#buckets.get(address) ?? { left: burst, atMs: nowMs };
    const left = Math.min(burst, before.left + ((nowMs - before.atMs) / 1_000) * perSecond);
    if (left < 1) throw etcdError('tooManyRequests');
    this.#buckets.delete(address);
    this.#buckets.set(address, { left: left - 1, atMs: nowMs });
    if (this.#buckets.size > maxAddresses) this.#forgetOldest();
  }

  succeeded(address: string): void {
    const bucket = this.#buckets.get(address);
    if (bucket !== undefined) bucket.left = Math.min(burst, bucket.left + 1);
  }

  #forgetOldest(): void {
    for (const address of this.#buckets.keys()) {
      this.#buckets.delete(address);
      return;
    }
  }
}
