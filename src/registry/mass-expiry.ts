import { ConclaveError } from '../core/errors.js';
import { type Instance, isAvailable } from './instance.js';

export interface MassExpiryOptions {
  /** More than this share of the instances must vanish to be kept. Default: 0.5. */
  readonly share?: number | undefined;
  /** Within that many milliseconds: about the TTL of the leases. Default: 15,000. */
  readonly windowMs?: number | undefined;
  /** For that many milliseconds they are kept. Default: 60,000. */
  readonly keepMs?: number | undefined;
  /** Of fewer instances than that nothing is kept. Default: 3. */
  readonly minInstances?: number | undefined;
}

const defaults = { share: 0.5, windowMs: 15_000, keepMs: 60_000, minInstances: 3 };

interface Vanished {
  readonly instance: Instance;
  readonly atMs: number;
}

/**
 * When most of a service vanishes at once it is more likely the leases than the instances: a store that could not be
 * reached for a TTL, a clock, an operator's mistake. An empty list would then turn a fault of the registry into an
 * outage of the service (Eureka calls this self-preservation). So the vanished stay, marked, for a while. Who drained
 * before it went has said goodbye and does not count. Pure: time is given by the caller.
 */
export class MassExpiry {
  readonly #options: typeof defaults;
  /** Gone within the window, by key, the oldest first. */
  #recent = new Map<string, Vanished>();
  readonly #kept = new Map<string, Vanished>();

  /** @throws ConclaveError `INVALID_ARGUMENT`. */
  constructor(options: MassExpiryOptions = {}) {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.#options = { ...defaults, ...Object.fromEntries(given) };
    for (const [name, value] of Object.entries(this.#options)) {
      const fits = value > 0 && (name !== 'share' || value < 1);
      if (!fits) throw new ConclaveError('INVALID_ARGUMENT', `massExpiry.${name} is out of range: ${value}`);
    }
  }

  /** By the key of the entry, the first that vanished first. */
  get kept(): ReadonlyMap<string, Vanished> {
    return this.#kept;
  }

  /** `instances` have just gone, `alive` are left. Returns those that are kept now and were not before. */
  left(instances: readonly Instance[], alive: number, nowMs: number): Instance[] {
    const { share, windowMs, minInstances } = this.#options;
    for (const [key, { atMs }] of this.#recent) {
      if (nowMs - atMs < windowMs) break;
      this.#recent.delete(key);
    }
    for (const instance of instances) {
      if (isAvailable(instance)) this.#recent.set(instance.key, { instance, atMs: nowMs });
    }
    // Those that are kept already have vanished, too: whoever follows them is kept with them.
    const vanished = this.#recent.size + this.#kept.size;
    if (alive + vanished < minInstances || vanished <= (alive + vanished) * share) return [];
    const fresh = [...this.#recent.values()];
    this.#recent.clear();
    for (const each of fresh) this.#kept.set(each.instance.key, each);
    return fresh.map(({ instance }) => instance);
  }

  /** Back again: no longer kept, and never gone. Returns what was kept of it. */
  joined({ key }: Instance): Instance | undefined {
    this.#recent.delete(key);
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    return kept?.instance;
  }

  /** Those that have been kept long enough. */
  due(nowMs: number): Instance[] {
    const over = [...this.#kept.values()].filter(({ atMs }) => nowMs - atMs >= this.#options.keepMs);
    for (const { instance } of over) this.#kept.delete(instance.key);
    return over.map(({ instance }) => instance);
  }

  /** Milliseconds until somebody is due; undefined: nobody is kept. */
  dueInMs(nowMs: number): number | undefined {
    for (const { atMs } of this.#kept.values()) return Math.max(0, atMs + this.#options.keepMs - nowMs);
    return undefined;
  }
}
