import { linkSignals, pause, type WaitOptions, withDeadline } from '../core/abort.js';
import { concatBytes, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { assertWhole } from '../core/whole.js';
import { linePrefix } from '../line/context.js';
import type { Cell } from './cell.js';
import type { Cells } from './cells.js';
import { clockOf, type Rate, type Ruling, rule } from './gcra.js';

/** Where rate limiters live, below the namespace. */
const root = 'limits';

const nsPerMs = 1_000_000;

export interface RateOptions {
  /** So many per `perMs`, for all processes together. All must say the same. */
  readonly limit: number;
  /** Milliseconds. Default: 1,000. */
  readonly perMs?: number | undefined;
  /** How many may come at once after a rest. Default: `limit`. */
  readonly burst?: number | undefined;
}

export interface TakeOptions extends WaitOptions {
  /** How many calls it counts as. Default: 1. */
  readonly cost?: number | undefined;
}

/** What became of a `take`. */
export interface Take {
  readonly allowed: boolean;
  /** How many more would be allowed now. */
  readonly remaining: number;
  /** Milliseconds after which it would be allowed if nobody else came; 0 if it is. */
  readonly retryAfterMs: number;
}

/** So many calls a second, counted over all processes. README.md beside this file says how exactly. */
export class RateLimiter {
  readonly name: string;
  readonly #cells: Cells;
  readonly #cell: Cell;
  readonly #rate: Rate;
  /** This process's clock: as it was when this was made, and what went by since, whatever is set meanwhile. */
  readonly #startNs: bigint;
  readonly #startMs: number;
  /** How far others are ahead of it, as far as is known. */
  #behindNs = 0n;

  /** @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless the options are whole numbers from 1. */
  constructor(cells: Cells, name: string, options: RateOptions) {
    const { limit, perMs = 1_000, burst = limit } = Object(options) as RateOptions;
    for (const [what, value] of Object.entries({ limit, perMs, burst })) assertWhole(what, value, 1);
    const intervalNs = (BigInt(perMs) * BigInt(nsPerMs)) / BigInt(limit);
    if (intervalNs === 0n) throw new ConclaveError('INVALID_ARGUMENT', `${limit} per ${perMs} ms is too fast to count`);
    const { runtime } = cells.context;
    this.name = name;
    this.#cells = cells;
    this.#cell = cells.of(concatBytes(linePrefix(cells.context, root, name), utf8('arrival')));
    this.#rate = { intervalNs, burst: BigInt(burst) };
    this.#startNs = BigInt(Math.round(runtime.wallMs())) * BigInt(nsPerMs);
    this.#startMs = runtime.monotonicMs();
  }

  /**
   * Whether one more call is allowed now; if it is, it counts. A refusal that is known here asks the store nothing.
   * @throws `signal.reason` itself; ConclaveError `INVALID_ARGUMENT` for a `cost` that is no whole number, or above the
   * burst; others when the store could not be asked: then it may have been counted.
   */
  async take(options: TakeOptions = {}): Promise<Take> {
    const cost = this.#costOf(options);
    const { lastSeen } = this.#cell;
    // What was counted is never taken back: who is refused by an old number is refused by a later one.
    const known = lastSeen === undefined ? undefined : this.#rule(lastSeen, cost);
    if (known?.allowed === false) return shown(known);
    const ruling = await this.#cell.apply((arrivalNs) => {
      const result = this.#rule(arrivalNs, cost);
      return { next: result.arrivalNs, result };
    }, options);
    return shown(ruling);
  }

  /**
   * Waits until it is allowed, or the connection is closed. In no particular order among those who wait. Throws as
   * `take`.
   */
  wait(options: TakeOptions = {}): Promise<void> {
    const { runtime, sessions } = this.#cells.context;
    return withDeadline(runtime, `rate limiter ${this.name}`, options, async (own) => {
      const { signal, unlink } = linkSignals(own, sessions.closed);
      try {
        // Bounded by `signal`: each round more means that others came first.
        for (;;) {
          const { allowed, retryAfterMs } = await this.take({ cost: options.cost, signal });
          if (allowed) return;
          await pause(runtime, retryAfterMs, signal);
        }
      } finally {
        unlink();
      }
    });
  }

  #rule(arrivalNs: bigint, cost: bigint): Ruling {
    const aheadNs = clockOf(this.#rate, arrivalNs) - this.#nowNs();
    if (aheadNs > 0n) this.#behindNs += aheadNs;
    return rule(this.#rate, arrivalNs, this.#nowNs(), cost);
  }

  #nowNs(): bigint {
    const elapsedMs = this.#cells.context.runtime.monotonicMs() - this.#startMs;
    return this.#startNs + this.#behindNs + BigInt(Math.floor(elapsedMs * nsPerMs));
  }

  #costOf({ cost = 1 }: TakeOptions): bigint {
    assertWhole('cost', cost, 1);
    const { burst } = this.#rate;
    if (BigInt(cost) <= burst) return BigInt(cost);
    throw new ConclaveError('INVALID_ARGUMENT', `a cost of ${cost} is never allowed by a burst of ${burst}`);
  }
}

/** Rounded up: whoever comes back then is not too early. */
function shown({ allowed, remaining, retryNs }: Ruling): Take {
  return { allowed, remaining: Number(remaining), retryAfterMs: Math.ceil(Number(retryNs) / nsPerMs) };
}
