import { ConclaveError } from '../core/errors.js';
import type { Pick } from '../registry/balancer.js';
import type { Discovery } from '../registry/discovery.js';
import { baseUrlOf } from './instance-url.js';

/** Which calls of a service go to another instance when the first one fails. */
export interface RetryOptions {
  /** At most that many more instances are tried. Default: 2. */
  readonly retries?: number | undefined;
  /**
   * Statuses that count as a failure of the instance; a call that may be repeated goes to another one then. Default:
   * 502, 503 and 504.
   */
  readonly retryStatuses?: readonly number[] | undefined;
}

/** When the body of a request can be sent again: `unsent`: only after an attempt that has not begun to read it. */
export type Replayable = 'always' | 'unsent' | 'never';

/** May be sent twice (RFC 9110, 9.2.2). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Nothing has been sent when one of these comes. */
const connectErrors: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** An instance that one call is sent to, and where it listens. */
export interface Attempt {
  readonly pick: Pick;
  readonly base: URL;
}

/** The instances that one call is tried on, one after the other. */
export class Attempts {
  readonly #discovery: Discovery;
  readonly #key: string | undefined;
  readonly #statuses: ReadonlySet<number>;
  readonly #replayable: Replayable;
  readonly #isIdempotent: boolean;
  readonly #tried: string[] = [];
  #left: number;

  constructor(
    discovery: Discovery,
    options: RetryOptions,
    call: { readonly method: string; readonly replayable: Replayable; readonly key?: string | undefined },
  ) {
    const { retries = 2, retryStatuses = [502, 503, 504] } = options;
    this.#discovery = discovery;
    this.#key = call.key;
    this.#statuses = new Set(retryStatuses);
    this.#replayable = call.replayable;
    this.#isIdempotent = idempotent.has(call.method.toUpperCase());
    this.#left = retries;
  }

  /**
   * One that was not tried yet. Those that listen where no call over HTTP can go have failed, and cost no retry.
   * @throws ConclaveError `UNAVAILABLE` when there is none.
   */
  pick(): Attempt {
    // Bounded by the instances.
    for (;;) {
      const pick = this.#discovery.pick({ key: this.#key, exclude: this.#tried });
      this.#tried.push(pick.instance.id);
      try {
        return { pick, base: baseUrlOf(pick.instance) };
      } catch (error) {
        pick.done(error);
      }
    }
  }

  isFailure(status: number): boolean {
    return this.#statuses.has(status);
  }

  /** Another instance, after `failure`; undefined when the call must not be sent again, or there is none. */
  next(failure: { readonly error: unknown } | { readonly status: number }): Attempt | undefined {
    const unsent = 'error' in failure && neverSent(failure.error);
    const mayRepeat = this.#replayable === 'always' && this.#isIdempotent;
    if (this.#left <= 0 || !(mayRepeat || (unsent && this.#replayable !== 'never'))) return undefined;
    this.#left -= 1;
    try {
      return this.pick();
    } catch (error) {
      if (ConclaveError.is(error, 'UNAVAILABLE')) return undefined;
      throw error;
    }
  }
}

/** `fetch` wraps what happened; several addresses of one host come as an AggregateError. */
function neverSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && connectErrors.has(error.code)) return true;
  return neverSent(error.cause);
}
