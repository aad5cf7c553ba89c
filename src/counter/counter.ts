import { type WaitOptions, withDeadline } from '../core/abort.js';
import { concatBytes, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { linePrefix } from '../line/context.js';
import { modifiedAt, remove } from '../store/ops.js';
import { untilAnswered, untilDone } from '../store/repeat.js';
import type { Cell } from './cell.js';
import type { Cells } from './cells.js';

/** Where counters live, below the namespace. */
const root = 'counters';

/** The range of a signed 64-bit number. */
export const int64Min = -(2n ** 63n);
export const int64Max = 2n ** 63n - 1n;

export interface CounterOptions {
  /** Lowest value that this caller's changes may lead to. Default: -2^63, which is also the least that it may be. */
  readonly min?: bigint | undefined;
  /** Highest value. Default: 2^63 - 1, which is also the most that it may be. */
  readonly max?: bigint | undefined;
}

/** A number that all processes change, one after the other. README.md beside this file says what it promises. */
export class Counter {
  readonly name: string;
  readonly #cells: Cells;
  readonly #cell: Cell;
  readonly #min: bigint;
  readonly #max: bigint;

  /** @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` for bounds that are no 64-bit numbers, or cross. */
  constructor(cells: Cells, name: string, { min = int64Min, max = int64Max }: CounterOptions = {}) {
    this.name = name;
    this.#cells = cells;
    this.#cell = cells.of(concatBytes(linePrefix(cells.context, root, name), utf8('value')));
    [this.#min, this.#max] = [int64('min', min), int64('max', max)];
    if (min > max) throw new ConclaveError('INVALID_ARGUMENT', `min ${min} is above max ${max}`);
  }

  /** The value now; 0n if nobody has changed it yet. Linearizable. */
  async get(options: WaitOptions = {}): Promise<bigint> {
    return this.#checked(await this.#cell.read(options));
  }

  /**
   * Adds `delta` and resolves to the new value. Once, whatever becomes of requests and answers.
   * @throws `signal.reason` itself, when it may have been added; ConclaveError `OUT_OF_RANGE` when the value would
   * leave its bounds; `INVALID_ARGUMENT` for what is no 64-bit number; `INVALID_VALUE` when the key holds none; others
   * with `outcome: 'unknown'` when it could not be found out.
   */
  async add(delta: bigint | number, options: WaitOptions = {}): Promise<bigint> {
    const amount = int64('delta', delta);
    return this.#cell.apply((before) => this.#to(this.#checked(before) + amount), options);
  }

  /** Adds 1. As `add`. */
  increment(options: WaitOptions = {}): Promise<bigint> {
    return this.add(1n, options);
  }

  /** Takes 1 away. As `add`. */
  decrement(options: WaitOptions = {}): Promise<bigint> {
    return this.add(-1n, options);
  }

  /** Makes it `value`, and resolves to what it was. Throws as `add`. */
  async set(value: bigint | number, options: WaitOptions = {}): Promise<bigint> {
    const next = int64('value', value);
    return this.#cell.apply((before) => ({ ...this.#to(next), result: this.#checked(before) }), options);
  }

  /** Makes it `value` if it is `expected`; resolves to whether it was. Throws as `add`. */
  async compareAndSet(expected: bigint | number, value: bigint | number, options: WaitOptions = {}): Promise<boolean> {
    const [from, to] = [int64('expected', expected), int64('value', value)];
    return this.#cell.apply(
      (before) =>
        this.#checked(before) === from ? { ...this.#to(to), result: true } : { next: before, result: false },
      options,
    );
  }

  /**
   * Takes its key away, whatever that holds, so that it is 0 again; false: there was none. Meant for a counter that
   * nobody changes.
   */
  delete(options: WaitOptions = {}): Promise<boolean> {
    const { store, runtime } = this.#cells.context;
    const { key } = this.#cell;
    return withDeadline(runtime, `counter ${this.name}`, options, async (signal) => {
      let unanswered: bigint | undefined;
      // Bounded by `signal`: each round more means that somebody has changed it meanwhile.
      for (;;) {
        const [kv] = (await untilAnswered(runtime, signal, () => store.range({ key }, { signal }))).kvs;
        // What a try without an answer was to take away has gone; whatever is there now has come since.
        if (unanswered !== undefined && kv?.createRevision !== unanswered) return true;
        if (kv === undefined) return false;
        const txn = { compare: [modifiedAt(key, kv.modRevision)], success: [remove(key)] };
        const doubt = () => {
          unanswered = kv.createRevision;
        };
        if ((await untilDone(runtime, signal, () => store.txn(txn), doubt)).succeeded) return true;
      }
    });
  }

  /** What somebody else wrote may be any number. */
  #checked(value: bigint): bigint {
    if (value >= int64Min && value <= int64Max) return value;
    throw new ConclaveError('INVALID_VALUE', `counter ${this.name} holds ${value}, which is no 64-bit number`);
  }

  #to(next: bigint): { readonly next: bigint; readonly result: bigint } {
    if (next >= this.#min && next <= this.#max) return { next, result: next };
    const message = `counter ${this.name} would be ${next}, beyond ${this.#min} to ${this.#max}`;
    throw new ConclaveError('OUT_OF_RANGE', message);
  }
}

/** @throws ConclaveError `INVALID_ARGUMENT` unless it is a whole number that 64 bits hold, exactly. */
export function int64(what: string, value: bigint | number): bigint {
  if (typeof value === 'bigint' && value >= int64Min && value <= int64Max) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw new ConclaveError('INVALID_ARGUMENT', `${what} must be a whole number of 64 bits, got ${String(value)}`);
}
