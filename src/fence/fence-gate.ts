import { ConclaveError } from '../core/errors.js';
import { checkFence, staleFence } from './fence.js';

export interface FenceGateOptions {
  /**
   * Resources that are remembered. When there are more the one with the lowest fence is forgotten, and from then on
   * nothing below that fence is let in to a resource that is not remembered: too strict, never too lax. Default:
   * 10,000.
   */
  readonly resourcesMax?: number | undefined;
}

const resourcesMaxDefault = 10_000;

/**
 * For whatever holders write to and read from: lets nobody in whose fence is lower than one that has been let in to the
 * same resource, on reads as well as on writes. Remembers in memory: a receiver that restarts, or of which there are
 * several, needs a `StoredFenceGate`. All fences must come from one etcd cluster.
 */
export class FenceGate {
  readonly #resourcesMax: number;
  readonly #highest = new Map<string, bigint>();
  /** Who is let in to a resource that is not remembered must not be below this. */
  #floor = 0n;
  /** The last access to a resource that has not settled. */
  readonly #running = new Map<string, Promise<unknown>>();

  /** @throws ConclaveError `INVALID_ARGUMENT`. */
  constructor({ resourcesMax = resourcesMaxDefault }: FenceGateOptions = {}) {
    if (!Number.isSafeInteger(resourcesMax) || resourcesMax < 1) {
      throw new ConclaveError('INVALID_ARGUMENT', `resourcesMax must be a whole number from 1 on, got ${resourcesMax}`);
    }
    this.#resourcesMax = resourcesMax;
  }

  /**
   * Lets an access in whose effect is there before anything else can happen: at once, without an `await` between.
   * @throws ConclaveError `STALE_FENCE`; `INVALID_ARGUMENT` for no fence.
   */
  admit(resource: string, fence: bigint): void {
    checkFence(fence);
    const highest = this.#highest.get(resource) ?? this.#floor;
    if (fence < highest) throw staleFence(resource, fence, highest);
    this.#highest.set(resource, fence);
    if (this.#highest.size > this.#resourcesMax) this.#forgetLowest();
  }

  /**
   * Runs an access that takes time, one at a time for each resource: else a later holder could be let in while it is
   * under way, and be overtaken by it. Throws as `admit`, and what `work` throws.
   */
  async run<T>(resource: string, fence: bigint, work: () => Promise<T> | T): Promise<T> {
    checkFence(fence);
    const before = this.#running.get(resource);
    const mine = (async () => {
      await before?.catch(() => {});
      this.admit(resource, fence);
      return work();
    })();
    this.#running.set(resource, mine);
    try {
      return await mine;
    } finally {
      if (this.#running.get(resource) === mine) this.#running.delete(resource);
    }
  }

  #forgetLowest(): void {
    let lowest: readonly [string, bigint] | undefined;
    for (const each of this.#highest) if (lowest === undefined || each[1] < lowest[1]) lowest = each;
    if (lowest === undefined) return;
    this.#highest.delete(lowest[0]);
    if (lowest[1] > this.#floor) this.#floor = lowest[1];
  }
}

/** Where a `StoredFenceGate` remembers: a table, a file, a key of the store that is protected. */
export interface FenceMemory {
  /**
   * Raises what is remembered for `resource` to `fence`, unless it is higher already; resolves to what is remembered
   * then. Atomic, and durable before it resolves.
   */
  raise(resource: string, fence: bigint): Promise<bigint>;
}

/** As `FenceGate`, with a memory that outlives the receiver and that several of them may share. */
export class StoredFenceGate {
  readonly #memory: FenceMemory;

  constructor(memory: FenceMemory) {
    this.#memory = memory;
  }

  /**
   * Resolves when an access may begin. One whose effect comes later can be overtaken: let the store that keeps the data
   * compare the fence in the same transaction where it can (`fencedUpdate`).
   * @throws ConclaveError `STALE_FENCE`; `INVALID_ARGUMENT` for no fence; what the memory throws.
   */
  async admit(resource: string, fence: bigint): Promise<void> {
    checkFence(fence);
    const highest = await this.#memory.raise(resource, fence);
    if (highest > fence) throw staleFence(resource, fence, highest);
  }
}
