import { abortable, linkSignals, onAbort, type WaitOptions, withDeadline } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { judge } from '../core/standard-schema.js';
import type { RecipeContext } from '../line/context.js';
import type { ClaimSite, Grip } from './claim.js';
import { Crew } from './crew.js';
import type { Job } from './job.js';
import { misfit } from './payload.js';
import { recordOf } from './record.js';

/**
 * Takes jobs out of a queue, on one session. While it is open it also stands ready to keep the queue. Made by
 * `Queue.consumer()`; over with its session, or with `close()`, which gives back what was not settled. Consumers of one
 * queue on one session are a crew: together they cost the store what one of them does.
 */
export class Consumer<T> implements AsyncDisposable {
  readonly #site: ClaimSite;
  readonly #crew: Crew;
  readonly #ended = new AbortController();
  readonly #inHand = new Set<Job<T>>();
  readonly #taking = new Set<Promise<unknown>>();
  readonly #unlink: () => void;
  #closing: Promise<void> | undefined;

  /** @internal Its session is open. */
  constructor(context: RecipeContext, site: Omit<ClaimSite, 'floors'>) {
    this.#crew = Crew.join(context, site);
    this.#site = { ...this.#crew.site, settings: site.settings };
    this.#unlink = onAbort(this.#crew.signal, (reason) => this.#ended.abort(reason));
  }

  /** Aborts when it takes no more jobs: closed, its session lost, or refused by the store. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Waits for a job and claims it. Several at once are served in the order of the calls.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `SESSION_LOST`, `CLOSED`. A job that was claimed
   * meanwhile is given back.
   */
  take(options: WaitOptions = {}): Promise<Job<T>> {
    return withDeadline(this.#site.context.runtime, 'take', options, async (signal) => {
      const either = linkSignals(signal, this.#ended.signal);
      const taken = this.#takeNext(either.signal);
      const settled = taken.catch(() => {});
      this.#taking.add(settled);
      void settled.then(() => this.#taking.delete(settled));
      try {
        return await abortable(taken, either.signal);
      } finally {
        either.unlink();
      }
    });
  }

  /** Gives back every job in hand. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #takeNext(signal: AbortSignal): Promise<Job<T>> {
    // Bounded by `signal`: each further round means that a job was cancelled, or did not fit.
    for (;;) {
      const job = await this.#receive(await this.#crew.take(signal), signal);
      if (job !== undefined) return job;
    }
  }

  /** Undefined: it is nothing to work on. */
  async #receive(grip: Grip, signal: AbortSignal): Promise<Job<T> | undefined> {
    const { claim } = grip;
    const { payload } = recordOf(claim.job);
    const judged = judge(this.#site.settings.schema, payload);
    // A schema that does not answer holds up nobody who gives up: what it was asked about goes back.
    const verdict = await (judged instanceof Promise
      ? abortable(judged, signal).catch((): { readonly value: unknown } => ({ value: payload }))
      : judged);
    const value = 'value' in verdict ? verdict.value : payload;
    const job = this.#crew.jobOf<T>(this.#site, grip, value, (each) => this.#inHand.delete(each));
    this.#inHand.add(job);
    if (claim.job === undefined || 'issues' in verdict) {
      const aside = 'issues' in verdict && claim.job !== undefined ? job.dead(misfit(verdict.issues)) : job.drop();
      await aside.catch((error: unknown) => {
        // It was cancelled meanwhile.
        if (!ConclaveError.is(error, 'LOST')) throw error;
      });
      return undefined;
    }
    // The answer may have been read after the deadline, by a process that was stopped: another may have the job by now.
    if (this.#site.session.alive && !signal.aborted) return job;
    await job.giveBack();
    throw signal.reason;
  }

  async #close(): Promise<void> {
    this.#unlink();
    this.#ended.abort(new ConclaveError('CLOSED', 'the consumer was closed'));
    await Promise.all(this.#taking);
    const unsettled = [...this.#inHand].map((job) => job.giveBack());
    await Promise.all(unsettled.map((each) => each.catch(() => {})));
    await this.#crew.leave();
  }
}
