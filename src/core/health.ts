import { abortable } from './abort.js';
import { type Deferred, deferred } from './deferred.js';
import { ConclaveError } from './errors.js';
import type { Runtime } from './runtime.js';

/**
 * Whether this process is fit for what it offers: false, or a rejection, says no. `signal` aborts when the time for it
 * is up.
 */
export type HealthProbe = (signal: AbortSignal) => unknown;

export interface HealthOptions {
  readonly probe: HealthProbe;
  /** Milliseconds from the end of one probe to the next. Default: 1,000. */
  readonly intervalMs?: number;
  /** Milliseconds after which a probe that hangs has failed. Default: 1,000. */
  readonly timeoutMs?: number;
  /** Sick after so many failures in a row; one success is health. Default: 3. */
  readonly failures?: number;
}

/**
 * Probes a process for as long as it stands for election or is registered (client-go's watchdog, Curator's health
 * checks). Not healthy before the first success. Never two probes at once: one that hangs fails again and again until
 * it settles.
 */
export class Health {
  readonly #runtime: Runtime;
  readonly #options: Required<HealthOptions>;
  /** Aborts when the present health ends; undefined while it is sick. */
  #healthy: AbortController | undefined;
  #recovered: Deferred<void> = deferred();
  #failed = 0;
  #running: Promise<boolean> | undefined;
  #abortProbe = new AbortController();
  #cancelTimer = () => {};
  #stopped = false;

  /** @throws ConclaveError `INVALID_ARGUMENT`. Probes at once. */
  constructor(runtime: Runtime, health: HealthProbe | HealthOptions) {
    this.#runtime = runtime;
    const given = typeof health === 'function' ? { probe: health } : health;
    this.#options = { intervalMs: 1000, timeoutMs: 1000, failures: 3, ...given };
    const { probe, intervalMs, timeoutMs, failures } = this.#options;
    if (typeof probe !== 'function' || !(intervalMs > 0) || !(timeoutMs > 0) || !(failures >= 1)) {
      throw new ConclaveError(
        'INVALID_ARGUMENT',
        'health needs a probe, and an interval, timeout and failures above 0',
      );
    }
    void this.#probe();
  }

  /** Resolves with a signal that aborts with code `UNHEALTHY` when the process is healthy no more. */
  async whenHealthy(signal: AbortSignal | undefined): Promise<AbortSignal> {
    // Bounded: each turn is a recovery that did not last.
    while (this.#healthy === undefined) await abortable(this.#recovered.promise, signal);
    return this.#healthy.signal;
  }

  /** Ends timer and probe. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#abortProbe.abort(new ConclaveError('CLOSED', 'nobody asks for health any more'));
  }

  async #probe(): Promise<void> {
    const ok = await this.#ask();
    // Also while it was asked.
    if (this.#stopped) return;
    if (ok) this.#succeed();
    else this.#fail();
    this.#cancelTimer = this.#runtime.setTimer(this.#options.intervalMs, () => void this.#probe());
  }

  /** False after the timeout, however long the probe takes. */
  async #ask(): Promise<boolean> {
    const { probe, timeoutMs } = this.#options;
    const timeout = deferred<false>();
    this.#cancelTimer = this.#runtime.setTimer(timeoutMs, () => {
      this.#abortProbe.abort(new ConclaveError('TIMEOUT', `the health probe took longer than ${timeoutMs} ms`));
      timeout.resolve(false);
    });
    if (this.#running === undefined) {
      this.#abortProbe = new AbortController();
      this.#running = answerOf(probe, this.#abortProbe.signal).finally(() => {
        this.#running = undefined;
      });
    }
    try {
      return await Promise.race([this.#running, timeout.promise]);
    } finally {
      this.#cancelTimer();
    }
  }

  #succeed(): void {
    this.#failed = 0;
    if (this.#healthy !== undefined) return;
    this.#healthy = new AbortController();
    this.#recovered.resolve();
  }

  #fail(): void {
    this.#failed += 1;
    if (this.#healthy === undefined || this.#failed < this.#options.failures) return;
    const sick = this.#healthy;
    this.#healthy = undefined;
    this.#recovered = deferred();
    sick.abort(new ConclaveError('UNHEALTHY', `the health probe failed ${this.#failed} times in a row`));
  }
}

async function answerOf(probe: HealthProbe, signal: AbortSignal): Promise<boolean> {
  try {
    return (await probe(signal)) !== false;
  } catch {
    return false;
  }
}
