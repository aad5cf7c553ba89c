/**
 * Code that awaits goes on in microtasks, which nobody can see; a macrotask of the host runs only when they are all
 * done. This file is the only place in `src/sim` that touches the host's event loop, and no time is read from it. It is
 * taken at load, so that fake timers of a test runner do not reach it.
 */
const hostImmediate = setImmediate;

/** Resolves when everything that awaits has gone on. */
export function hostTurn(): Promise<void> {
  return new Promise((resolve) => hostImmediate(resolve));
}

/**
 * Turns that are asked for at once: microtasks are done between them all the same, sockets are looked at once a round.
 */
const turnsPerRound = 64;

interface Run {
  /** One turn; false when it is over. */
  readonly step: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Calls a step in each turn of the host's loop. One after the other: the turns that are left serve the next run. */
export class HostTurns {
  #run: Run | undefined;
  /** Whether a round has been asked for. */
  #turning = false;

  /** Calls `step` until it returns false, with everything done that awaits in between. What `step` throws rejects. */
  run(step: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#run = { step, resolve, reject };
      if (!this.#turning) hostImmediate(this.#round);
      this.#turning = true;
    });
  }

  readonly #turn = () => {
    const run = this.#run;
    if (run === undefined) return;
    try {
      if (run.step()) return;
      run.resolve();
    } catch (error) {
      run.reject(error);
    }
    if (this.#run === run) this.#run = undefined;
  };

  readonly #round = () => {
    this.#turning = this.#run !== undefined;
    if (!this.#turning) return;
    for (let i = 0; i < turnsPerRound; i++) hostImmediate(this.#turn);
    hostImmediate(this.#round);
  };
}
