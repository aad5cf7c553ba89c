import { type AnySignal, abortable, pause, type WaitOptions, withDeadline } from '../core/abort.js';
import { type Bytes, utf8Text } from '../core/bytes.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { ConclaveError, undecided } from '../core/errors.js';
import { byChance, randomHex } from '../core/runtime.js';
import type { SessionContext } from '../lease/session.js';
import { EventType, type KeyValue } from '../store/messages.js';
import { createdAt, get, modifiedAt, put, rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { watchBatches } from '../store/watch-batches.js';
import { type CellState, cellIn, cellOf, encodeCell, makersMax } from './cell-value.js';

/** What becomes of a cell, and what the caller is told of it. Pure; throws to refuse: then it changes nothing. */
export type Operation<T> = (before: bigint) => { readonly next: bigint; readonly result: T };

interface Pending {
  readonly operation: Operation<unknown>;
  readonly done: Deferred<unknown>;
  sent: boolean;
}

/** How long one write is tried before its callers are told that nobody knows. */
const patienceMs = 30_000;

/** Of chance, in the mark of whoever wrote: two of sixteen that are the same are one in 10^13 writes. */
const makerDigits = 12;

/** So many writes that came too late are each tried again at once, from what the refusal told: that is never newer. */
const triesInARow = 4;

/** Then a pause by chance, up to this, doubled from the first on. */
const firstPauseMs = 2;
const lastPauseMs = 32;

/**
 * A whole number in one key, changed by compare-and-set. What is asked for while a write is under way goes into the
 * next one, in the order of the calls. A key that is not there counts as 0.
 */
export class Cell {
  readonly key: Bytes;
  readonly #context: SessionContext;
  readonly #what: string;
  #waiting = new Set<Pending>();
  #known: CellState | undefined;
  #busy = false;

  constructor(context: SessionContext, key: Bytes) {
    this.#context = context;
    this.key = key;
    this.#what = utf8Text(key);
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** As it was at some time before; undefined: not known. */
  get lastSeen(): bigint | undefined {
    return this.#known?.value;
  }

  /**
   * Runs `operation` on the number as it is, once. What it throws is the answer.
   * @throws `signal.reason` itself, when it may have been done if it was sent; ConclaveError with `outcome: 'unknown'`
   * when that could not be found out; `INVALID_VALUE` for a key that holds no number.
   */
  apply<T>(operation: Operation<T>, options: WaitOptions): Promise<T> {
    return withDeadline(this.#context.runtime, this.#what, options, async (signal) => {
      const pending: Pending = { operation, done: deferred<unknown>(), sent: false };
      // Nobody may be waiting any more when it fails.
      pending.done.promise.catch(() => {});
      this.#waiting.add(pending);
      void this.#work();
      try {
        return (await abortable(pending.done.promise, signal)) as T;
      } catch (error) {
        throw signal.aborted && pending.sent ? undecided(error) : error;
      } finally {
        this.#waiting.delete(pending);
      }
    });
  }

  /** The number now. */
  async read(options: WaitOptions): Promise<bigint> {
    const { store, runtime } = this.#context;
    return withDeadline(runtime, this.#what, options, async (signal) => {
      const { kvs } = await untilAnswered(runtime, signal, () => store.range({ key: this.key }, { signal }));
      return kvs[0] === undefined ? 0n : cellOf(kvs[0]).value;
    });
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    // A turn of the microtasks, so that calls of the same moment go together.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting];
      this.#waiting.clear();
      for (const pending of batch) pending.sent = true;
      try {
        await withDeadline(this.#context.runtime, this.#what, { timeoutMs: patienceMs }, (signal) =>
          this.#commit(batch, signal),
        );
      } catch (error) {
        this.#known = undefined;
        for (const { done } of batch) done.reject(ConclaveError.is(error, 'INVALID_VALUE') ? error : undecided(error));
      }
    }
    this.#busy = false;
  }

  /** Bounded by `signal`: each round more means that somebody else has written meanwhile. */
  async #commit(batch: readonly Pending[], signal: AnySignal): Promise<void> {
    let pauseMs = firstPauseMs;
    let known = this.#known ?? (await this.#made(signal));
    for (let tries = 1; ; tries++) {
      const { next, settle } = run(batch, known.value);
      const { applied, fresh } = await this.#write(known, next, signal);
      this.#known = fresh;
      if (applied) return settle();
      known = fresh ?? (await this.#made(signal));
      if (tries % triesInARow !== 0) continue;
      await pause(this.#context.runtime, pauseMs * byChance(this.#context.runtime), signal);
      pauseMs = Math.min(pauseMs * 2, lastPauseMs);
      // What was known before the pause is old by now: whoever goes by it comes too late again, for ever.
      known = await this.#made(signal);
    }
  }

  /**
   * Makes the key, as 0: a step of its own, since that is all that a request which asks for a key that is not there may
   * do when it is applied late, after a `delete`.
   */
  async #made(signal: AnySignal): Promise<CellState> {
    const { store, runtime } = this.#context;
    const request = {
      compare: [createdAt(this.key, 0n)],
      success: [put(this.key, encodeCell(0n, [])), get(this.key)],
      failure: [get(this.key)],
    };
    const txn = await untilAnswered(runtime, signal, () => store.txn(request));
    return cellOf(rangeAt(txn, txn.responses.length - 1).kvs[0] as KeyValue);
  }

  /** Guarded by the revision that was seen: that can be true once only, however often the request arrives. */
  async #write(
    known: CellState,
    next: bigint,
    signal: AnySignal,
  ): Promise<{ readonly applied: boolean; readonly fresh: CellState | undefined }> {
    const { store, runtime } = this.#context;
    const maker = randomHex(runtime).slice(0, makerDigits);
    const makers = [maker, ...known.makers].slice(0, makersMax);
    const changes = next !== known.value;
    const request = {
      compare: [modifiedAt(this.key, known.revision)],
      success: changes ? [put(this.key, encodeCell(next, makers))] : [],
      failure: [get(this.key)],
    };
    let isDoubtful = false;
    const doubt = () => {
      isDoubtful = true;
    };
    const txn = await untilAnswered(runtime, signal, () => store.txn(request), doubt);
    if (txn.succeeded) {
      const { revision } = txn.header;
      const fresh = { ...known, value: next, makers, revision, version: known.version + 1n };
      return { applied: true, fresh: changes ? fresh : known };
    }
    const found = rangeAt(txn, 0).kvs[0];
    // What is no number tells nothing of who has written: whoever asks next is told of it.
    const fresh = found && cellIn(found);
    const did = fresh?.makers.includes(maker) || (isDoubtful && (await this.#didBefore(maker, known, fresh, signal)));
    return { applied: changes && did, fresh };
  }

  /**
   * Whether an earlier run of the request, which was not answered, did it: then it made the first change after `known`.
   * That it is not among the last writers, who stand in the value, may tell; else the store's history does.
   * @throws ConclaveError `UNAVAILABLE`, outcome unknown, when that was compacted.
   */
  async #didBefore(maker: string, known: CellState, fresh: CellState | undefined, signal: AnySignal): Promise<boolean> {
    const steps = fresh?.createRevision === known.createRevision ? fresh.version - known.version : undefined;
    if (steps !== undefined && BigInt(fresh?.makers.length ?? 0) >= steps) return false;
    const history = new AbortController();
    const change = this.#firstChange(known.revision, history.signal);
    try {
      const kv = await abortable(change, signal);
      return kv !== undefined && cellIn(kv)?.makers.includes(maker) === true;
    } catch (error) {
      if (!ConclaveError.is(error, 'COMPACTED')) throw error;
      const message = `${this.#what}: whether it was written can’t be found out, its history is compacted`;
      throw new ConclaveError('UNAVAILABLE', message, { outcome: 'unknown', retryable: false, cause: error });
    } finally {
      history.abort(new ConclaveError('CANCELLED', 'the history is not needed any more'));
    }
  }

  /** Undefined: a delete. */
  async #firstChange(after: bigint, signal: AbortSignal): Promise<KeyValue | undefined> {
    const from = { key: this.key, startRevision: after + 1n };
    for await (const { events } of watchBatches(this.#context.store, from, signal)) {
      const [first] = events;
      if (first !== undefined) return first.type === EventType.delete ? undefined : first.kv;
    }
    return undefined;
  }
}

/** One operation after the other; those that refuse change nothing. `settle` tells all of them, once it is written. */
function run(batch: readonly Pending[], before: bigint): { readonly next: bigint; readonly settle: () => void } {
  let value = before;
  const tell = batch.map(({ operation, done }) => {
    try {
      const { next, result } = operation(value);
      value = next;
      return () => done.resolve(result);
    } catch (error) {
      return () => done.reject(error);
    }
  });
  return {
    next: value,
    settle: () => {
      for (const each of tell) each();
    },
  };
}
