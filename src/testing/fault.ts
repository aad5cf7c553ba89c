/** A fault that was begun, so that a test can end it, and can prove that it did happen. */
export interface Fault extends Disposable {
  /** As the method of the cluster that began it. */
  readonly name: string;
  readonly active: boolean;
  /** How many messages it has kept from arriving, held up or doubled; for a process that stands still 0. */
  readonly hits: number;
  /** Ends it, as `heal()` does. Idempotent. */
  end(): void;
}

/** A fault with what it was asked to do, which a later call may change while it is active. */
export class ActiveFault<Params> implements Fault {
  readonly name: string;
  params: Params;
  #hits = 0;
  #stop: (() => void) | undefined;

  constructor(name: string, params: Params) {
    this.name = name;
    this.params = params;
  }

  get active(): boolean {
    return this.#stop !== undefined;
  }

  get hits(): number {
    return this.#hits;
  }

  /** `stop` undoes what was begun. */
  begin(stop: () => void): void {
    this.#stop = stop;
  }

  hit(): void {
    this.#hits += 1;
  }

  end(): void {
    const stop = this.#stop;
    this.#stop = undefined;
    stop?.();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/**
 * The faults of one client, or of the server: at most one of each kind, so that to begin it twice is to begin it once.
 */
export class FaultBoard {
  readonly #faults = new Map<string, ActiveFault<unknown>>();

  get active(): readonly string[] {
    return [...this.#faults.values()].filter(({ active }) => active).map(({ name }) => name);
  }

  /** The last fault of this `kind`, over or not. */
  find<Params>(kind: string): ActiveFault<Params> | undefined {
    return this.#faults.get(kind) as ActiveFault<Params> | undefined;
  }

  /**
   * Begins a fault of this `kind` with `start`, which returns what ends it; one that is active gets the new `params`
   * instead. A kind always has parameters of one type.
   */
  begin<Params>(
    kind: string,
    name: string,
    params: Params,
    start: (fault: ActiveFault<Params>) => () => void,
  ): ActiveFault<Params> {
    const found = this.find<Params>(kind);
    if (found?.active) {
      found.params = params;
      return found;
    }
    const fault = new ActiveFault(name, params);
    this.#faults.set(kind, fault);
    fault.begin(start(fault));
    return fault;
  }

  endAll(): void {
    for (const fault of this.#faults.values()) fault.end();
    this.#faults.clear();
  }
}
