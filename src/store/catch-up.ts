import type { AnySignal } from '../core/abort.js';
import type { ConclaveError } from '../core/errors.js';
import { type ClockReading, elapsedMs, type Runtime } from '../core/runtime.js';
import type { FollowSpec } from './follow.js';
import type { RangeRequest, RangeResponse } from './messages.js';
import { untilAnswered } from './repeat.js';
import type { Store } from './store.js';

/** What is to catch up: a state in memory that a watch moves on. */
export interface Catching {
  /** Everything up to this revision is shown; 0n: nothing is yet. */
  readonly told: bigint;
  /** Keys that are shown. */
  readonly size: number;
  /** What is shown is all there is up to `revision`, as a read has shown. */
  settled(revision: bigint): void;
  listAgain(): void;
}

/** What must be shown so that nothing of up to `revision` is missing. */
interface Target {
  readonly revision: bigint;
  /** Known of it: how many keys there were, and the last change of one of them that is not shown yet, or 0n. */
  readonly known?: { readonly count: bigint; readonly newest: bigint } | undefined;
}

/** How long an answer is waited for before it is asked for again, in milliseconds; doubles up to the last. */
const firstWaitMs = 100;
const lastWaitMs = 2_000;
/** Then everything is read again, once. */
const asksMax = 4;

/**
 * Brings a state in memory up to the present on request. A linearizable read says which revision that is, and a
 * notification of progress that the watch has told everything up to it. A server whose notifications may overtake
 * events (see `Store.requestProgress`) is asked for what has changed instead: a state that has the last change of that
 * read, and as many keys, is the one that it saw.
 */
export class CatchUp {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #spec: FollowSpec;
  readonly #state: Catching;
  readonly #ended = new AbortController();
  readonly #waiting = new Set<{ readonly target: Target; readonly done: () => void }>();
  #last: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #sentAt: ClockReading | undefined;
  /** Whether the server is to be asked for progress, as far as it has said so; listed anew, it is another one maybe. */
  #ordered = true;

  constructor(store: Store, runtime: Runtime, spec: FollowSpec, state: Catching) {
    this.#store = store;
    this.#runtime = runtime;
    this.#spec = spec;
    this.#state = state;
  }

  /** What had been done so many milliseconds ago is shown. */
  get provenMs(): number {
    return this.#sentAt === undefined ? Number.POSITIVE_INFINITY : elapsedMs(this.#runtime, this.#sentAt);
  }

  /** What a read that was sent then has seen is shown. */
  proven(sentAt: ClockReading): void {
    this.#sentAt = sentAt;
  }

  /** Resolves when all is shown that was done before the call. Calls that meet share one read. */
  toNow(): Promise<void> {
    // One under way may have read before this call.
    this.#next ??= this.#last.then(() => {
      this.#next = undefined;
      const round = this.#round();
      this.#last = round.catch(() => {});
      return round;
    });
    return this.#next;
  }

  /** Resolves when everything up to `revision`, which the store must have, is shown. */
  async to(revision: bigint, signal: AnySignal = this.#ended.signal): Promise<void> {
    let waitMs = firstWaitMs;
    // Bounded by `end()` and `signal`; whatever goes wrong, a state that is listed anew has it.
    for (let asks = 0; this.#state.told < revision; asks++) {
      signal.throwIfAborted();
      this.#ended.signal.throwIfAborted();
      const target = this.#state.told === 0n ? { revision } : await this.#ask(revision);
      if (asks === asksMax && this.#state.told < revision) this.#listAgain();
      await this.#within(waitMs, target);
      waitMs = Math.min(waitMs * 2, lastWaitMs);
    }
    this.#ended.signal.throwIfAborted();
  }

  /** The state has moved. */
  moved(): void {
    for (const { target, done } of this.#waiting) if (this.#shows(target)) done();
  }

  /** Whoever waits is told `error`. */
  end(error: ConclaveError): void {
    this.#ended.abort(error);
    for (const { done } of [...this.#waiting]) done();
  }

  async #round(): Promise<void> {
    const sentAt = this.#runtime.clocks();
    const now = this.#ordered || this.#state.told === 0n ? await this.#present() : await this.#changed();
    // The events that are missing are on their way.
    if (now.known !== undefined) await this.#within(firstWaitMs, now);
    await this.to(now.revision);
    this.proven(sentAt);
  }

  async #ask(revision: bigint): Promise<Target> {
    this.#ordered = await this.#store.requestProgress(this.#spec.lane ?? 'bulk');
    return this.#ordered ? { revision } : this.#changed();
  }

  async #present(): Promise<Target> {
    const { header } = await this.#range({ key: this.#spec.key, countOnly: true });
    return { revision: header.revision };
  }

  async #changed(): Promise<Target> {
    const { key, rangeEnd } = this.#spec;
    const minModRevision = this.#state.told + 1n;
    const { kvs, count, header } = await this.#range({ key, rangeEnd, minModRevision });
    let newest = 0n;
    for (const { modRevision } of kvs) if (modRevision > newest) newest = modRevision;
    return { revision: header.revision, known: { count, newest } };
  }

  #listAgain(): void {
    this.#ordered = true;
    this.#state.listAgain();
  }

  #range(request: RangeRequest): Promise<RangeResponse> {
    const { signal } = this.#ended;
    return untilAnswered(this.#runtime, signal, () => this.#store.range(request, { signal }));
  }

  #shows({ revision, known }: Target): boolean {
    const { told, size } = this.#state;
    if (told >= revision) return true;
    // It has the last value of each key that was there, and no other key: what came and went since makes no difference.
    if (known === undefined || told < known.newest || BigInt(size) !== known.count) return false;
    this.#state.settled(revision);
    return true;
  }

  #within(ms: number, target: Target): Promise<void> {
    if (this.#shows(target) || this.#ended.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter = {
        target,
        done: () => {
          stopTimer();
          this.#waiting.delete(waiter);
          resolve();
        },
      };
      const stopTimer = this.#runtime.setTimer(ms, waiter.done);
      this.#waiting.add(waiter);
    });
  }
}
