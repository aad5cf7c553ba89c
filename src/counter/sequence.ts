import { abortable, type WaitOptions, withDeadline } from '../core/abort.js';
import { concatBytes, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { assertWhole } from '../core/whole.js';
import { linePrefix } from '../line/context.js';
import type { Cell } from './cell.js';
import type { Cells } from './cells.js';
import { int64Max } from './counter.js';

/** Where sequences live, below the namespace. */
const root = 'sequences';

const blockMax = 1_000_000_000;

export interface SequenceOptions {
  /**
   * How many numbers this process takes at once. 1: each is higher than all that were given before, whoever got them.
   * More: only than those given before in this process; what is left of a block when the process ends is lost. Default:
   * 1.
   */
  readonly block?: number | undefined;
}

/** Numbers that nobody gets twice, from 1. README.md beside this file says what it promises. */
export class Sequence {
  readonly name: string;
  readonly #cells: Cells;
  readonly #cell: Cell;
  readonly #block: number;
  #next = 1n;
  #last = 0n;
  /** One call after the other: numbers come in the order of the calls. */
  #turns: Promise<unknown> = Promise.resolve();

  /** @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless `block` is a whole number from 1 to 10^9. */
  constructor(cells: Cells, name: string, { block = 1 }: SequenceOptions = {}) {
    assertWhole('block', block, 1);
    if (block > blockMax)
      throw new ConclaveError('INVALID_ARGUMENT', `block must be at most ${blockMax}, got ${block}`);
    this.name = name;
    this.#cells = cells;
    this.#cell = cells.of(concatBytes(linePrefix(cells.context, root, name), utf8('last')));
    this.#block = block;
  }

  /**
   * The next number. One that was asked for and not waited for is a gap.
   * @throws `signal.reason` itself; ConclaveError `OUT_OF_RANGE` when there is no 64-bit number left; `INVALID_VALUE`
   * when the key holds no number; others when the store could not be asked.
   */
  next(options: WaitOptions = {}): Promise<bigint> {
    if (this.#block === 1) return this.#take(1n, options);
    return withDeadline(this.#cells.context.runtime, `sequence ${this.name}`, options, async (signal) => {
      const turn = this.#turns.then(async () => {
        signal.throwIfAborted();
        if (this.#next > this.#last) await this.#refill();
        const id = this.#next;
        this.#next += 1n;
        return id;
      });
      this.#turns = turn.catch(() => {});
      return abortable(turn, signal);
    });
  }

  async #refill(): Promise<void> {
    const last = await this.#take(BigInt(this.#block), {});
    [this.#next, this.#last] = [last - BigInt(this.#block) + 1n, last];
  }

  #take(count: bigint, options: WaitOptions): Promise<bigint> {
    return this.#cell.apply((before) => {
      // What somebody else wrote may be any number.
      if (before < 0n || before > int64Max) {
        throw new ConclaveError('INVALID_VALUE', `sequence ${this.name} holds ${before}, which it never gave`);
      }
      const next = before + count;
      if (next <= int64Max) return { next, result: next };
      throw new ConclaveError('OUT_OF_RANGE', `sequence ${this.name} has no ${count} numbers left after ${before}`);
    }, options);
  }
}
