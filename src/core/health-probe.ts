import { onAbort } from './abort.js';
import { ConclaveError } from './errors.js';
import type { Runtime } from './runtime.js';

export interface HealthProbeOptions {
  /**
   * May return a promise. False and a rejection mean ill, whatever else it gives: all is well. `signal` aborts when it
   * has taken too long.
   */
  readonly check: (signal: AbortSignal) => unknown;
  /** Milliseconds from the end of one check to the next. Default: 5,000. */
  readonly intervalMs?: number | undefined;
  /** A check that takes longer counts as ill, in milliseconds. Default: 2,000. */
  readonly timeoutMs?: number | undefined;
  /** That many checks in a row make ill. Default: 3. */
  readonly failures?: number | undefined;
  /** That many checks in a row make well again. Default: 1. */
  readonly successes?: number | undefined;
}

/** Asks again and again whether something is well, and tells when that has changed. Well until proven ill. */
export class HealthProbe {
  readonly #runtime: Runtime;
  readonly #options: { [K in keyof Required<HealthProbeOptions>]: NonNullable<HealthProbeOptions[K]> };
  readonly #changed: (healthy: boolean) => void;
  #healthy = true;
  /** Checks in a row that say otherwise than `#healthy`. */
  #against = 0;
  #stopTimer: () => void = () => {};
  #current: AbortController | undefined;
  #running = false;

  /** @throws ConclaveError `INVALID_ARGUMENT`. Checks nothing: `start()` does. */
  constructor(runtime: Runtime, options: HealthProbeOptions, changed: (healthy: boolean) => void) {
    const { check, intervalMs = 5_000, timeoutMs = 2_000, failures = 3, successes = 1 } = options;
    for (const [name, value] of Object.entries({ intervalMs, timeoutMs, failures, successes })) {
      if (value > 0 && Number.isFinite(value)) continue;
      throw new ConclaveError('INVALID_ARGUMENT', `health.${name} must be a finite number above 0, got ${value}`);
    }
    this.#runtime = runtime;
    this.#options = { check, intervalMs, timeoutMs, failures, successes };
    this.#changed = changed;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  /** Checks at once, then every `intervalMs`. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#round();
  }

  /** Takes timers back and aborts the check under way. Idempotent. */
  stop(): void {
    this.#running = false;
    this.#stopTimer();
    this.#current?.abort(new ConclaveError('CLOSED', 'the probe was stopped'));
  }

  async #round(): Promise<void> {
    const well = await this.#ask();
    if (!this.#running) return;
    this.#count(well);
    this.#stopTimer = this.#runtime.setTimer(this.#options.intervalMs, () => void this.#round());
  }

  #count(well: boolean): void {
    this.#against = well === this.#healthy ? 0 : this.#against + 1;
    if (this.#against < (this.#healthy ? this.#options.failures : this.#options.successes)) return;
    if (well === this.#healthy) return;
    this.#against = 0;
    this.#healthy = well;
    this.#changed(well);
  }

  /** A check that hangs is left behind: whatever it says later does not count. */
  async #ask(): Promise<boolean> {
    const { check, timeoutMs } = this.#options;
    const late = new AbortController();
    this.#current = late;
    const tooLate = new Promise<false>((resolve) => onAbort(late.signal, () => resolve(false)));
    const stopTimer = this.#runtime.setTimer(timeoutMs, () =>
      late.abort(new ConclaveError('TIMEOUT', `the check took longer than ${timeoutMs} ms`)),
    );
    try {
      const said = (async () => (await check(late.signal)) !== false)();
      said.catch(() => {});
      return await Promise.race([said, tooLate]);
    } catch {
      return false;
    } finally {
      stopTimer();
    }
  }
}
