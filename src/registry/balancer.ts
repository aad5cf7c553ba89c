import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import { Ejection, type EjectionOptions } from './ejection.js';
import type { Instance } from './instance.js';
import type { InstancesChange } from './instances-change.js';
import type { Strategy } from './strategy.js';

export interface PickOptions {
  /** What the call is about, for `rendezvous()`: like calls go to the same instance. */
  readonly key?: string | undefined;
  /** Ids of instances that will not do, as those that were tried already. */
  readonly exclude?: readonly string[] | undefined;
}

/** An instance for one call. */
export interface Pick {
  readonly instance: Instance;
  /** The call has ended, with an error or without. Idempotent. */
  done(error?: unknown): void;
}

/** How often a choice that falls on an instance that is warming up may be made again. */
const redrawsMax = 3;

/** From a tenth of its share on an instance warms up. */
const coldShare = 0.1;

/** Those of `all` who are not `aside`. */
interface Sound {
  readonly all: readonly Instance[];
  readonly aside: ReadonlySet<string>;
  readonly instances: readonly Instance[];
}

/** Spreads calls over instances: leaves out those put aside, spares those that warm up, counts what is under way. */
export class Balancer {
  readonly #runtime: Runtime;
  readonly #strategy: Strategy;
  readonly #ejection: Ejection | undefined;
  readonly #inFlight = new Map<string, number>();
  /** When those that warm up were first seen, by the monotonic clock. */
  readonly #seenAtMs = new Map<string, number>();
  #sound: Sound | undefined;

  constructor(runtime: Runtime, strategy: Strategy, ejection: EjectionOptions | false) {
    this.#runtime = runtime;
    this.#strategy = strategy;
    this.#ejection = ejection === false ? undefined : new Ejection(ejection);
  }

  /** `whole`: who joins is there for longer, though nobody has told when it came. */
  changed({ joined, left, changed }: InstancesChange, whole: boolean): void {
    // Another life under the same id is another instance.
    const reborn = changed.filter(({ before, after }) => before.owner !== after.owner);
    for (const { key } of [...left, ...reborn.map(({ before }) => before)]) {
      this.#seenAtMs.delete(key);
      this.#ejection?.forget(key);
    }
    this.#warmUp(joined, whole);
    this.#warmUp(
      reborn.map(({ after }) => after),
      whole,
    );
  }

  /** How long those that come with a whole list have been there only their own clock can tell. */
  #warmUp(instances: readonly Instance[], whole: boolean): void {
    const cold = instances.filter(({ warmUpMs }) => warmUpMs > 0);
    if (cold.length === 0) return;
    const { wallMs, monotonicMs } = this.#runtime.clocks();
    for (const { key, startedAtMs = 0 } of cold) {
      this.#seenAtMs.set(key, monotonicMs - (whole ? Math.max(0, wallMs - startedAtMs) : 0));
    }
  }

  /**
   * @throws ConclaveError `UNAVAILABLE` (it may pass) when there is none; `service` names it.
   */
  pick(service: string, available: readonly Instance[], { key, exclude = [] }: PickOptions): Pick {
    const nowMs = this.#runtime.monotonicMs();
    const wanted = exclude.length === 0 ? available : available.filter(({ id }) => !exclude.includes(id));
    const sound = this.#soundOf(wanted, nowMs);
    // All of them aside: better one that may fail than none.
    const instances = sound.length > 0 ? sound : wanted;
    if (instances.length === 0) throw new ConclaveError('UNAVAILABLE', `no instance of ${service} can be called`);
    const random = () => this.#random();
    const candidates = { instances, inFlight: (each: Instance) => this.#inFlight.get(each.key) ?? 0 };
    let instance = this.#strategy.choose(candidates, { key, random });
    for (let i = 0; i < redrawsMax && random() >= this.#warmth(instance, nowMs); i++) {
      instance = this.#strategy.choose(candidates, { key, random });
    }
    return this.#begun(instance, available.length);
  }

  /** The same list as long as nothing changes, which strategies know it by. */
  #soundOf(all: readonly Instance[], nowMs: number): readonly Instance[] {
    const aside = this.#ejection?.aside(nowMs);
    if (aside === undefined || aside.size === 0) return all;
    if (this.#sound?.all !== all || this.#sound.aside !== aside) {
      this.#sound = { all, aside, instances: all.filter(({ key }) => !aside.has(key)) };
    }
    return this.#sound.instances;
  }

  #warmth({ key, warmUpMs }: Instance, nowMs: number): number {
    const seenAtMs = this.#seenAtMs.get(key);
    if (warmUpMs <= 0 || seenAtMs === undefined) return 1;
    return Math.max(coldShare, (nowMs - seenAtMs) / warmUpMs);
  }

  #begun(instance: Instance, size: number): Pick {
    const { key } = instance;
    this.#inFlight.set(key, (this.#inFlight.get(key) ?? 0) + 1);
    this.#ejection?.begun(key, this.#runtime.monotonicMs());
    let over = false;
    const done = (error?: unknown) => {
      if (over) return;
      over = true;
      const left = (this.#inFlight.get(key) ?? 1) - 1;
      if (left > 0) this.#inFlight.set(key, left);
      else this.#inFlight.delete(key);
      this.#ejection?.ended(key, error !== undefined && error !== null, this.#runtime.monotonicMs(), size);
    };
    return { instance, done };
  }

  #random(): number {
    const bytes = this.#runtime.randomBytes(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
  }
}
