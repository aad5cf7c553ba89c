import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import { etcdErrors, isFull } from '../etcd-errors.js';
import type { Store } from '../store.js';
import { Batch, type BatchLimits } from './batch.js';
import type { Member } from './member.js';

export interface LaneOptions {
  readonly runtime: Runtime;
  /** Milliseconds that a call may take if it does not say so itself. */
  readonly requestTimeoutMs: number;
  readonly membersMax: number;
  /** What comes while so many requests are under way is gathered. */
  readonly inFlightMax: number;
}

const bytesMax = 2 ** 20;
/** etcd's default of `--max-txn-ops`. */
const operationsMax = 128;
/** Requests under way when calls wait that cannot be gathered. */
const crowdMax = 128;
/** Calls that are looked at for one batch. */
const scanMax = 256;

/**
 * Calls of one kind. While few requests are under way each goes as it comes; else they wait for company and go as one
 * txn, and who is in the way of another one goes after it.
 */
export class BatchLane {
  readonly #store: Store;
  readonly #options: LaneOptions;
  #limits: BatchLimits;
  #queue: Member[] = [];
  #inFlight = 0;
  #woken = false;

  constructor(store: Store, options: LaneOptions) {
    this.#store = store;
    this.#options = options;
    this.#limits = { membersMax: options.membersMax, bytesMax, operationsMax, isFull: false };
  }

  add<Answer>(member: Member<Answer>): Promise<Answer> {
    this.#queue.push(member as Member);
    this.#wake();
    return member.answer;
  }

  /** After those who go on at this moment have asked, too: an answered batch wakes all its callers at once. */
  #wake(): void {
    if (this.#woken || !this.#maySend()) return;
    this.#woken = true;
    void Promise.resolve().then(() => {
      this.#woken = false;
      while (this.#maySend()) this.#dispatch();
    });
  }

  #maySend(): boolean {
    const [first] = this.#queue;
    if (first === undefined) return false;
    return this.#inFlight < (first.leftOut ? crowdMax : this.#options.inFlightMax);
  }

  #dispatch(): void {
    const batch = this.#gather();
    if (batch === undefined) return;
    this.#inFlight += 1;
    void this.#send(batch).then(() => {
      this.#inFlight -= 1;
      this.#wake();
    });
  }

  /** The first of the queue, and who of those behind it goes with it. Undefined: nobody waits any more. */
  #gather(): Batch | undefined {
    const queue = this.#queue;
    const nowMs = this.#options.runtime.monotonicMs();
    let batch: Batch | undefined;
    const leftOut: Member[] = [];
    let at = 0;
    for (const until = Math.min(queue.length, scanMax); at < until; at++) {
      const member = queue[at] as Member;
      if (member.isOver(nowMs, this.#options.requestTimeoutMs)) continue;
      if (batch === undefined) {
        batch = new Batch(member, this.#limits);
        continue;
      }
      const fate = batch.offer(member);
      if (fate === 'full') break;
      if (fate === 'left out') leftOut.push(member);
    }
    for (const each of leftOut) each.leftOut = true;
    this.#queue = at === queue.length ? leftOut : [...leftOut, ...queue.slice(at)];
    return batch;
  }

  /** Resolves when all members are settled. */
  #send(batch: Batch): Promise<void> {
    const [first, second] = batch.members;
    const isAlone = first !== undefined && second === undefined;
    return isAlone ? first.alone(this.#store, this.#options.requestTimeoutMs) : this.#together(batch);
  }

  async #together(batch: Batch): Promise<void> {
    const { members } = batch;
    const timeoutMs = this.#start(members);
    try {
      batch.answered(await this.#store.txn(batch.request(), { timeoutMs }));
      if (this.#limits.isFull && batch.grows) this.#limits = { ...this.#limits, isFull: false };
    } catch (error) {
      if (isFull(error)) this.#limits = { ...this.#limits, isFull: true };
      if (!isAboutOne(error, batch)) for (const member of members) member.reject(error);
      else await this.#apart(batch, error);
    }
  }

  /** The store looked at the batch, did nothing, and will have an answer for each member. */
  async #apart(batch: Batch, error: ConclaveError): Promise<void> {
    if (error.message === etcdErrors.tooManyOps.text) {
      this.#limits = { ...this.#limits, operationsMax: Math.floor(batch.operations / 2) };
    }
    await Promise.all(batch.members.map((each) => each.alone(this.#store, this.#options.requestTimeoutMs)));
  }

  /** How long the batch may take: as long as any of its members. */
  #start(members: readonly Member[]): number {
    const { runtime, requestTimeoutMs } = this.#options;
    const nowMs = runtime.monotonicMs();
    let longestMs = requestTimeoutMs;
    for (const { timeoutMs = 0 } of members) longestMs = Math.max(longestMs, timeoutMs);
    for (const member of members) {
      member.sent = true;
      member.goesFor(longestMs, nowMs - member.askedAtMs, requestTimeoutMs);
    }
    return longestMs;
  }
}

/** Whether a batch was refused for what one member asks: surely not applied, and not what all of them would meet. */
function isAboutOne(error: unknown, batch: Batch): error is ConclaveError {
  // Of many answers together, each of which may be small enough.
  if (ConclaveError.is(error, 'RESOURCE_EXHAUSTED') && error.outcome === 'unknown') return batch.onlyReads;
  if (!ConclaveError.is(error) || error.outcome !== 'not-applied' || error.retryable) return false;
  if (error.message === etcdErrors.tooManyRequests.text) return false;
  return !ConclaveError.is(error, 'CLOSED', 'CANCELLED', 'UNAUTHENTICATED');
}
