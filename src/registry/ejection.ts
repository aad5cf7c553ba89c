import { ConclaveError } from '../core/errors.js';

export interface EjectionOptions {
  /** That many calls in a row that failed put an instance aside. Default: 5. */
  readonly consecutiveErrors?: number | undefined;
  /** A share of failed calls above this puts it aside, once there are `minCalls` in a window. Default: 0.5. */
  readonly failureShare?: number | undefined;
  /** Default: 20. */
  readonly minCalls?: number | undefined;
  /** Over which the share is counted, in milliseconds. Default: 10,000. */
  readonly windowMs?: number | undefined;
  /** For how long, in milliseconds; each further time longer by as much again, up to ten times. Default: 10,000. */
  readonly ejectMs?: number | undefined;
  /** At most this share of the instances is put aside at a time, though at least one may be. Default: 0.5. */
  readonly maxShare?: number | undefined;
}

const defaults = {
  consecutiveErrors: 5,
  failureShare: 0.5,
  minCalls: 20,
  windowMs: 10_000,
  ejectMs: 10_000,
  maxShare: 0.5,
};

/** How many times `ejectMs` an instance is put aside at most. */
const timesMax = 10;

interface Record {
  errorsInRow: number;
  windowFromMs: number;
  calls: number;
  failures: number;
  times: number;
  /** Put aside until then. */
  untilMs: number;
}

/**
 * Puts instances aside whose calls fail, for a while: as Envoy's outlier detection and Curator's down-instance policy,
 * by what this process itself sees. Time is given by the caller.
 */
export class Ejection {
  readonly #options: Required<{ [K in keyof EjectionOptions]: number }>;
  readonly #records = new Map<string, Record>();
  #aside: ReadonlySet<string> = new Set();
  /** When the first of them comes back. */
  #asideUntilMs = Number.POSITIVE_INFINITY;

  /** @throws ConclaveError `INVALID_ARGUMENT`. */
  constructor(options: EjectionOptions = {}) {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.#options = { ...defaults, ...Object.fromEntries(given) };
    for (const [name, value] of Object.entries(this.#options)) {
      const fits = value > 0 && (value <= 1 || (name !== 'failureShare' && name !== 'maxShare'));
      if (!fits) throw new ConclaveError('INVALID_ARGUMENT', `ejection.${name} is out of range: ${value}`);
    }
  }

  /** A call to `id` begins. */
  begun(id: string, nowMs: number): void {
    if (this.#records.has(id)) return;
    const fresh = { errorsInRow: 0, windowFromMs: nowMs, calls: 0, failures: 0, times: 0, untilMs: 0 };
    this.#records.set(id, fresh);
  }

  /** It has ended, one to `size` instances; of one that was forgotten meanwhile it says nothing. */
  ended(id: string, failed: boolean, nowMs: number, size: number): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    this.#renewWindow(record, nowMs);
    record.calls += 1;
    if (failed) record.failures += 1;
    record.errorsInRow = failed ? record.errorsInRow + 1 : 0;
    if (!failed || !this.#isBad(record) || !this.#mayEject(nowMs, size)) return;
    record.times = Math.min(record.times + 1, timesMax);
    record.untilMs = nowMs + this.#options.ejectMs * record.times;
    Object.assign(record, { errorsInRow: 0, calls: 0, failures: 0 });
    this.#lookAgain(nowMs);
  }

  /** Who is put aside; the same set until that changes. */
  aside(nowMs: number): ReadonlySet<string> {
    if (nowMs >= this.#asideUntilMs) this.#lookAgain(nowMs);
    return this.#aside;
  }

  forget(id: string): void {
    this.#records.delete(id);
    if (this.#aside.has(id)) this.#aside = new Set([...this.#aside].filter((each) => each !== id));
  }

  #lookAgain(nowMs: number): void {
    const aside = [...this.#records].filter(([, { untilMs }]) => untilMs > nowMs);
    this.#aside = new Set(aside.map(([id]) => id));
    this.#asideUntilMs = aside.reduce((first, [, { untilMs }]) => Math.min(first, untilMs), Number.POSITIVE_INFINITY);
  }

  #isBad({ errorsInRow, calls, failures }: Record): boolean {
    const { consecutiveErrors, failureShare, minCalls } = this.#options;
    return errorsInRow >= consecutiveErrors || (calls >= minCalls && failures / calls > failureShare);
  }

  #mayEject(nowMs: number, size: number): boolean {
    return size > 1 && this.aside(nowMs).size < Math.max(1, Math.floor(size * this.#options.maxShare));
  }

  #renewWindow(record: Record, nowMs: number): void {
    const { windowMs } = this.#options;
    if (nowMs - record.windowFromMs < windowMs) return;
    // A whole window without a relapse since it came back clears the slate.
    if (record.untilMs + windowMs <= nowMs && record.failures === 0) record.times = 0;
    Object.assign(record, { windowFromMs: nowMs, calls: 0, failures: 0 });
  }
}
