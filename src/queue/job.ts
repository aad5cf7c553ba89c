import { ConclaveError } from '../core/errors.js';
import { onSessionEnd } from '../lease/session.js';
import type { Compare } from '../store/messages.js';
import { modifiedAt } from '../store/ops.js';
import { backoffMs } from './backoff.js';
import type { Claim, ClaimSite } from './claim.js';
import { moveGroupOn } from './group.js';
import { checkDelay } from './options.js';
import { Progress } from './progress.js';
import { recordOf, type Tick } from './record.js';
import { encodeResult, forget, keepFor } from './result.js';
import { settle, type Verdict } from './settle.js';
import type { Slot } from './slot.js';
import { shortReason } from './ticket.js';

/** A job in this process's hands, from its claim until it is settled or lost. */
export class Job<T = unknown> {
  /** The job's number, growing with every job of the queue. */
  readonly id: string;
  readonly payload: T;
  readonly priority: number;
  /** How often the job was handed out, this time included. */
  readonly attempt: number;
  /** When it was put into the queue, by the producer's wall clock, in milliseconds since 1970. */
  readonly enqueuedMs: number;
  /** Grows with every later claim of the job: hand it to whatever you write to, with reads as well as writes. */
  readonly fence: bigint;
  /** Of its group nobody has another job in hand. */
  readonly group: string | undefined;
  /** The schedule that added it, and the tick that it stands for; undefined for a job that somebody enqueued. */
  readonly tick: Tick | undefined;
  readonly #progress: Progress;
  readonly #site: ClaimSite;
  readonly #slot: Slot;
  readonly #claim: Claim;
  readonly #ended = new AbortController();
  readonly #onOver: () => void;
  readonly #unlink: () => void;
  #over: ConclaveError | undefined;
  /** What its result is to hang on is asked for. */
  #acking = false;

  /** @internal `onOver` is called once, when the claim is settled or lost. */
  constructor(site: ClaimSite, slot: Slot, claim: Claim, payload: unknown, onOver: () => void) {
    const { enqueuedMs, tick } = recordOf(claim.job);
    this.#site = site;
    this.#slot = slot;
    this.#claim = claim;
    this.#onOver = onOver;
    this.id = claim.ticket.seq.toString();
    this.payload = payload as T;
    this.priority = claim.ticket.priority;
    this.attempt = claim.ticket.attempts;
    this.enqueuedMs = enqueuedMs;
    this.fence = claim.fence;
    this.group = claim.ticket.group;
    this.tick = tick;
    this.#progress = new Progress(site, slot, claim);
    this.#unlink = onSessionEnd(site.session, (error) => this.#end(error));
  }

  get leaseId(): bigint {
    return this.#site.session.leaseId;
  }

  /** Whether the claim lives, judged by the clocks at this very moment. Once false, always false. */
  get held(): boolean {
    return this.#over === undefined && this.#site.session.alive;
  }

  /** Milliseconds for which the claim is certain to live if the network goes away now. */
  get remainingMs(): number {
    return this.#over === undefined ? this.#site.session.remainingMs : 0;
  }

  /** Aborts before the server can give the job to another (`LOST`, `SESSION_LOST`), and when it is settled. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Whether it was settled here, whatever came of it. */
  get settled(): boolean {
    return this.#over?.code === 'RELEASED';
  }

  /** A compare that makes a txn succeed only while the claim lives, whatever the clocks say. */
  guard(): Compare {
    return modifiedAt(this.#slot.key, this.fence);
  }

  /** What was last reported, by this attempt or an earlier one: where to go on. */
  get progress(): unknown {
    return this.#progress.value;
  }

  /**
   * Writes down how far the work is, for `list` and for the next attempt: JSON of 4 KiB at most.
   * @throws ConclaveError `INVALID_ARGUMENT`; `LOST`, `SESSION_LOST`, `RELEASED` when the claim is over.
   */
  async updateProgress(value: unknown): Promise<void> {
    this.#checkHeld();
    await this.#progress.update(value);
  }

  /** @internal Throws if the job's producer asked for a result, and this one could not be kept. */
  checkResult(result: unknown): void {
    if (this.#claim.ticket.resultMs !== undefined) encodeResult(result, this.#site.settings.maxJobKib);
  }

  /**
   * The job is done: it is never handed out again. `result` is kept if its producer asked for it.
   * @throws ConclaveError `INVALID_ARGUMENT` for a result that is no JSON or too large: then nothing was settled.
   * @throws ConclaveError `LOST`, `SESSION_LOST` when the claim is over: somebody else does the job again, unless
   * `outcome` is `unknown`; `RELEASED` when it was settled before.
   */
  async ack(result?: unknown): Promise<void> {
    this.#checkHeld();
    const { resultMs } = this.#claim.ticket;
    if (resultMs === undefined) return this.#settle({ type: 'ack' });
    const json = encodeResult(result, this.#site.settings.maxJobKib);
    if (this.#acking) throw this.#released();
    this.#acking = true;
    try {
      const kept = await keepFor(this.#site, resultMs, json);
      await this.#settle({ type: 'ack', result: kept }).catch((error: unknown) => {
        if (ConclaveError.is(error) && error.outcome === 'not-applied') forget(this.#site, kept);
        throw error;
      });
    } finally {
      this.#acking = false;
    }
  }

  /**
   * Gives the job back at once, to its old place; this attempt counts: after the last one it is a dead letter. Throws
   * as `ack`.
   */
  async nack(options: { readonly reason?: string | undefined } = {}): Promise<void> {
    const { reason } = options;
    if (this.#isLast) return this.#giveUp(reason);
    return this.#settle({ type: 'nack', counted: true, reason: reason && shortReason(reason) });
  }

  /**
   * Gives the job back, to be handed out again after `delayMs`, by default after the queue's backoff; after its last
   * attempt it is a dead letter. Throws as `ack`.
   */
  async retry(options: { readonly delayMs?: number | undefined; readonly reason?: string | undefined } = {}) {
    const { context, settings } = this.#site;
    const { delayMs = backoffMs(context.runtime, settings.backoff, this.attempt), reason } = options;
    checkDelay(delayMs);
    if (this.#isLast) return this.#giveUp(reason);
    const dueMs = Math.ceil(context.runtime.wallMs() + delayMs);
    return this.#settle({ type: 'retry', delayMs, dueMs, reason: reason && shortReason(reason) });
  }

  /**
   * Gives the job up: it lies among the dead letters until somebody redrives it. Throws as `ack`.
   * @throws ConclaveError `INVALID_ARGUMENT` without a reason.
   */
  async dead(reason: string): Promise<void> {
    if (typeof reason !== 'string' || reason === '') {
      throw new ConclaveError('INVALID_ARGUMENT', 'a dead letter needs a reason');
    }
    return this.#settle({ type: 'dead', reason: shortReason(reason) });
  }

  /** What a failed handler comes to: another try, or after the last one a dead letter. Throws as `ack`. */
  fail(error: unknown): Promise<void> {
    return this.retry({ reason: textOf(error) });
  }

  /** @internal Nobody has begun with it: the attempt does not count. */
  giveBack(): Promise<void> {
    return this.#settle({ type: 'nack', counted: false, reason: this.#claim.ticket.reason });
  }

  /** @internal Its job was cancelled: the ticket goes, too. */
  drop(): Promise<void> {
    return this.#settle({ type: 'drop' });
  }

  /** @internal Tells the work to stop; the claim is kept until it is settled. */
  stop(reason: unknown): void {
    this.#ended.abort(reason);
  }

  /** @internal The slot was deleted. */
  lost(): void {
    this.#end(new ConclaveError('LOST', `job ${this.id}: its claim was deleted`, { loss: 'key-deleted' }));
  }

  get #isLast(): boolean {
    return this.attempt >= this.#claim.ticket.maxAttempts;
  }

  #giveUp(reason: string | undefined): Promise<void> {
    return this.dead(reason || 'given back after its last attempt');
  }

  async #settle(verdict: Verdict): Promise<void> {
    this.#checkHeld();
    this.#over = this.#released();
    try {
      await settle(this.#site, this.#slot, this.#claim, verdict);
      await this.#moveGroupOn(verdict);
    } catch (error) {
      throw asUndecided(error);
    } finally {
      this.#unlink();
      this.#ended.abort(this.#over);
      this.#onOver();
    }
  }

  /** Whoever looks after the queue does it, should we not come to it. */
  async #moveGroupOn({ type }: Verdict): Promise<void> {
    const { context, keys, session, floors } = this.#site;
    if (this.group === undefined || type === 'nack' || type === 'retry') return;
    await moveGroupOn(context, keys, this.group, session.signal, floors).catch((error: unknown) => {
      if (!ConclaveError.is(error)) throw error;
    });
  }

  #released(): ConclaveError {
    return new ConclaveError('RELEASED', `job ${this.id}: settled`);
  }

  #checkHeld(): void {
    if (!this.held) throw this.#over ?? this.#site.session.signal.reason;
  }

  #end(error: ConclaveError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#unlink();
    this.#ended.abort(error);
    this.#onOver();
  }
}

/** Of whatever was thrown. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return 'what was thrown has no text';
  }
}

/** The session ended while the request was under way. */
function asUndecided(error: unknown): unknown {
  if (!ConclaveError.is(error, 'SESSION_LOST')) return error;
  return new ConclaveError('SESSION_LOST', error.message, { outcome: 'unknown', loss: error.loss, cause: error });
}
