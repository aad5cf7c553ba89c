import { onAbort } from '../../core/abort.js';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type {
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  TxnRequest,
  TxnResponse,
} from '../messages.js';
import { mismatch } from '../ops.js';
import type { CallOptions, Store } from '../store.js';
import { type Footprint, footprintOf } from './footprint.js';

/** Less is not worth a timer. */
const slackMs = 50;

/** One call on its way: what is asked, and who waits for the answer. */
export abstract class Member<Answer = unknown> {
  readonly answer: Promise<Answer>;
  readonly askedAtMs: number;
  /** It did not fit into a batch that has been sent: it gains nothing by waiting for company. */
  leftOut = false;
  /** The store may have it. */
  sent = false;
  readonly #call: CallOptions | undefined;
  readonly #runtime: Runtime;
  #resolve!: (answer: Answer) => void;
  #reject!: (reason: unknown) => void;
  #settled = false;
  #unlink: (() => void) | undefined;
  #stopTimer: (() => void) | undefined;

  constructor(runtime: Runtime, call: CallOptions | undefined) {
    this.#runtime = runtime;
    this.#call = call;
    this.askedAtMs = runtime.monotonicMs();
    this.answer = new Promise<Answer>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (call?.signal !== undefined) this.#unlink = onAbort(call.signal, (reason) => this.reject(reason));
    if (call?.timeoutMs !== undefined) this.#limit(call.timeoutMs, 0);
  }

  /** What it is in a batch. */
  abstract readonly operations: readonly RequestOp[];
  /** What etcd counts below its operations against `--max-txn-ops`. */
  abstract readonly depth: number;
  /** Undefined: it goes alone. */
  abstract readonly footprint: Footprint | undefined;
  protected abstract send(store: Store, call: CallOptions | undefined): Promise<Answer>;
  /** Its answer, from what a batch answered to its operations. */
  protected abstract read(header: ResponseHeader, responses: readonly ResponseOp[]): Answer;

  /** Milliseconds that it may take, if its caller has said so. */
  get timeoutMs(): number | undefined {
    return this.#call?.timeoutMs;
  }

  /** Whether nobody waits for it any more, or will from now on, since its time has passed. */
  isOver(nowMs: number, timeoutMs: number): boolean {
    if (!this.#settled && nowMs - this.askedAtMs >= (this.timeoutMs ?? timeoutMs)) this.#late(timeoutMs);
    return this.#settled;
  }

  /** Goes by itself, with what is left of its time; resolves when it is settled. */
  async alone(store: Store, timeoutMs: number): Promise<void> {
    if (this.#settled) return;
    this.#letGo();
    this.sent = true;
    const waitedMs = this.#runtime.monotonicMs() - this.askedAtMs;
    const leftMs = Math.max((this.timeoutMs ?? timeoutMs) - Math.round(waitedMs), 1);
    try {
      this.#resolve(await this.send(store, waitedMs <= slackMs ? this.#call : { ...this.#call, timeoutMs: leftMs }));
    } catch (error) {
      this.#reject(error);
    }
    this.#settled = true;
  }

  answered(header: ResponseHeader, responses: readonly ResponseOp[]): void {
    if (this.#settled) return;
    try {
      const answer = this.read(header, responses);
      this.#resolve(answer);
    } catch (error) {
      this.#reject(error);
    }
    this.#settled = true;
    this.#letGo();
  }

  reject(reason: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#letGo();
    this.#reject(reason);
  }

  /** The batch that it goes in has `batchMs` from now on, and may have more than is left of `timeoutMs`. */
  goesFor(batchMs: number, waitedMs: number, timeoutMs: number): void {
    if (batchMs - timeoutMs + waitedMs > slackMs && this.#stopTimer === undefined) this.#limit(timeoutMs, waitedMs);
  }

  #limit(timeoutMs: number, usedMs: number): void {
    this.#stopTimer = this.#runtime.setTimer(Math.max(timeoutMs - usedMs, 0), () => this.#late(timeoutMs));
  }

  #late(timeoutMs: number): void {
    const outcome = this.sent ? 'unknown' : 'not-applied';
    this.reject(new ConclaveError('TIMEOUT', `no answer within ${timeoutMs} ms`, { outcome }));
  }

  #letGo(): void {
    this.#unlink?.();
    this.#stopTimer?.();
  }
}

/** Whether a txn must stay one in a batch. */
export function isNested({ compare, failure }: TxnRequest): boolean {
  return (compare?.length ?? 0) + (failure?.length ?? 0) > 0;
}

/** As one nested txn; flat where only one branch can run, since then there is nothing to nest it for. */
export class TxnMember extends Member<TxnResponse> {
  readonly operations: readonly RequestOp[];
  readonly #request: TxnRequest;
  readonly #isNested: boolean;
  #footprint: Footprint | undefined | null = null;

  constructor(runtime: Runtime, request: TxnRequest, call: CallOptions | undefined) {
    super(runtime, call);
    this.#request = request;
    this.#isNested = isNested(request);
    this.operations = this.#isNested ? [{ type: 'txn', request }] : (request.success ?? []);
  }

  get depth(): number {
    const { operations } = this.footprint ?? untouched;
    return this.#isNested ? operations : operations - this.operations.length;
  }

  get footprint(): Footprint | undefined {
    if (this.#footprint === null) this.#footprint = footprintOf(this.#request);
    return this.#footprint;
  }

  protected send(store: Store, call: CallOptions | undefined): Promise<TxnResponse> {
    return store.txn(this.#request, call);
  }

  protected read(header: ResponseHeader, responses: readonly ResponseOp[]): TxnResponse {
    if (!this.#isNested) return { header, succeeded: true, responses };
    const [own] = responses;
    if (own?.type !== 'txn') return mismatch(own, 'txn');
    return { header, succeeded: own.response.succeeded, responses: own.response.responses };
  }
}

/** A read of one key as it is now. */
export class ReadMember extends Member<RangeResponse> {
  readonly operations: readonly RequestOp[];
  readonly depth = 0;
  readonly #request: RangeRequest;

  constructor(runtime: Runtime, request: RangeRequest, call: CallOptions | undefined) {
    super(runtime, call);
    this.#request = request;
    this.operations = [{ type: 'range', request }];
  }

  /** Reads are gathered among themselves, and never in each other's way. */
  get footprint(): Footprint {
    return untouched;
  }

  protected send(store: Store, call: CallOptions | undefined): Promise<RangeResponse> {
    return store.range(this.#request, call);
  }

  protected read(header: ResponseHeader, [own]: readonly ResponseOp[]): RangeResponse {
    if (own?.type !== 'range') return mismatch(own, 'range');
    const { kvs, more, count } = own.response;
    return { header, kvs, more, count };
  }
}

const untouched: Footprint = { reads: [], writes: [], lines: [], operations: 0, bytes: 0, grows: false };
