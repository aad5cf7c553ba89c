import { type Deadlined, DeadlineHeap } from './deadline-heap.js';

/** A lease as the engine keeps it. */
export interface Lease extends Deadlined {
  readonly id: bigint;
  /** Seconds, as granted. */
  readonly ttlS: bigint;
  /** The keys that hang on it, as latin1 strings. */
  readonly keys: ReadonlySet<string>;
}

class Entry implements Lease {
  readonly id: bigint;
  readonly ttlS: bigint;
  readonly keys = new Set<string>();
  deadlineMs: number;
  gone = false;

  constructor(id: bigint, ttlS: bigint, deadlineMs: number) {
    this.id = id;
    this.ttlS = ttlS;
    this.deadlineMs = deadlineMs;
  }
}

/** Gone leases that may wait in the heap before it is swept. */
const maxGone = 1_024;

/**
 * All leases with their deadlines and keys. Deadlines are kept relative to `#shiftMs`, so that extending all of them
 * is one addition.
 */
export class LeaseTable {
  readonly #leases = new Map<bigint, Entry>();
  readonly #heap = new DeadlineHeap<Entry>();
  #shiftMs = 0;
  #gone = 0;

  get size(): number {
    return this.#leases.size;
  }

  /** Entries that wait for a deadline, those of ended leases included. */
  get waiting(): number {
    return this.#heap.size;
  }

  has(id: bigint): boolean {
    return this.#leases.has(id);
  }

  get(id: bigint): Lease | undefined {
    return this.#leases.get(id);
  }

  grant(id: bigint, ttlS: bigint, nowMs: number): void {
    const lease = new Entry(id, ttlS, nowMs + Number(ttlS) * 1_000 - this.#shiftMs);
    this.#leases.set(id, lease);
    this.#heap.push(lease);
  }

  /** Starts the full TTL again; never shortens what is left. */
  renew(id: bigint, nowMs: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.deadlineMs = Math.max(lease.deadlineMs, nowMs + Number(lease.ttlS) * 1_000 - this.#shiftMs);
  }

  renewAll(nowMs: number): void {
    for (const id of this.#leases.keys()) this.renew(id, nowMs);
  }

  delete(id: bigint): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#leases.delete(id);
    lease.gone = true;
    this.#gone++;
    if (this.#gone <= maxGone || this.#gone <= this.#heap.size >>> 1) return;
    this.#heap.sweep();
    this.#gone = 0;
  }

  attach(id: bigint, text: string): void {
    this.#leases.get(id)?.keys.add(text);
  }

  detach(id: bigint, text: string): void {
    this.#leases.get(id)?.keys.delete(text);
  }

  isDue(lease: Lease, nowMs: number): boolean {
    return this.remainingMs(lease, nowMs) <= 0;
  }

  remainingMs(lease: Lease, nowMs: number): number {
    return lease.deadlineMs + this.#shiftMs - nowMs;
  }

  /** The lease that ends first, and when. */
  first(): { readonly lease: Lease; readonly atMs: number } | undefined {
    const lease = this.#heap.peek();
    return lease === undefined ? undefined : { lease, atMs: lease.deadlineMs + this.#shiftMs };
  }

  extendAll(byMs: number): void {
    this.#shiftMs += byMs;
  }

  /** Soonest to end first. */
  bySoonest(): readonly Lease[] {
    return [...this.#leases.values()].sort((a, b) => a.deadlineMs - b.deadlineMs);
  }
}
