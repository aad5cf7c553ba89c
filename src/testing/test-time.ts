import { type Deferred, deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { onGrid } from '../sim/world.js';
import { type Awaitable, endingOf } from './condition.js';
import type { TestWorld } from './test-world.js';
import { type Answer, Waiters } from './waiters.js';

export interface UntilOptions {
  /**
   * Milliseconds after which `until` gives up. Default: 600,000 of simulated time; in real time 4,000, so that it says
   * why before the test runner's own limit of 5 s ends the test.
   */
  readonly maxMs?: number | undefined;
}

/** The time of a test cluster: everyone who waits for it, and what makes it pass. */
export abstract class TestTime {
  abstract readonly world: TestWorld;
  protected readonly waiters = new Waiters();
  protected stopped = false;
  /** The last moment at which somebody who waits gives up, in milliseconds of the world. */
  protected lastBoundMs = 0;
  readonly #defaultMaxMs: number;
  readonly #describe: () => string;

  /** `describe` is added to the message of whoever waited in vain. */
  constructor(defaultMaxMs: number, describe: () => string) {
    this.#defaultMaxMs = defaultMaxMs;
    this.#describe = describe;
  }

  /** @throws ConclaveError `INVALID_ARGUMENT` unless `ms` is a finite number of at least 0. */
  async advance(ms: number): Promise<void> {
    checkMs('ms', ms);
    const { world } = this;
    let endMs: number | undefined;
    await this.#wait<void>(ms, ({ resolve }) => ({
      atBound: () => {
        endMs = world.nowMs;
      },
      // Whatever else is due at that moment has happened, too.
      ask: () => {
        if (endMs === undefined || (world.nextDueMs ?? Number.POSITIVE_INFINITY) <= endMs) return 'waiting';
        resolve();
        return 'over';
      },
    }));
  }

  async until<T>(what: Awaitable<T>, options: UntilOptions = {}): Promise<T> {
    const { maxMs = this.#defaultMaxMs } = options;
    checkMs('maxMs', maxMs);
    const ending = endingOf(what, () => this.wake());
    return this.#wait<T>(maxMs, ({ resolve, reject }) => {
      let late = false;
      const ask = () => {
        const end = ending();
        if (end === 'asking') return end;
        if (end === undefined && !late) return 'waiting';
        if (end === undefined) reject(this.#timeout(what, maxMs));
        else if ('error' in end) reject(end.error);
        else resolve(end.value);
        return 'over';
      };
      const atBound = () => {
        late = true;
      };
      return { atBound, ask };
    });
  }

  /** Ends every wait with `CLOSED`, and moves no more. Idempotent. */
  stop(): void {
    this.stopped = true;
    this.waiters.failAll(closed());
  }

  /** Somebody waits, or something was planned: see to it that it happens. */
  protected abstract wake(): void;

  async #wait<T>(
    boundMs: number,
    waiterOf: (ends: Omit<Deferred<T>, 'promise'>) => { atBound(): void; ask(): Answer },
  ): Promise<T> {
    if (this.stopped) throw closed();
    const { promise, resolve, reject } = deferred<T>();
    const { atBound, ask } = waiterOf({ resolve, reject });
    const cancelBound = this.world.after(boundMs, undefined, 'bound', atBound);
    this.lastBoundMs = Math.max(this.lastBoundMs, onGrid(this.world.nowMs + boundMs));
    this.waiters.add({ ask, fail: reject });
    this.wake();
    try {
      return await promise;
    } finally {
      cancelBound();
    }
  }

  #timeout(what: Awaitable<unknown>, maxMs: number): ConclaveError {
    const subject = typeof what === 'function' ? `${what.toString()} was not true` : 'the promise has not settled';
    return new ConclaveError('TIMEOUT', `${subject} within ${maxMs} ms; ${this.#describe()}`, { outcome: 'unknown' });
  }
}

/** @throws ConclaveError `INVALID_ARGUMENT`. */
export function checkMs(name: string, ms: number): void {
  if (typeof ms === 'number' && ms >= 0 && Number.isFinite(ms)) return;
  throw new ConclaveError(
    'INVALID_ARGUMENT',
    `${name} must be a finite number of milliseconds of at least 0, got ${ms}`,
  );
}

function closed(): ConclaveError {
  return new ConclaveError('CLOSED', 'the test cluster is closed');
}
