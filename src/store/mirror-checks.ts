import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { RequestOp } from './messages.js';
import { rangeAt } from './ops.js';
import type { Store } from './store.js';

/** How many keys are in a range; as of `revision`, or now. */
export interface CountQuestion {
  readonly key: Bytes;
  readonly rangeEnd?: Bytes | undefined;
  readonly revision?: bigint | undefined;
}

export interface Checked {
  /** Undefined: nothing is to be asked now. */
  question(): CountQuestion | undefined;
  /** `gone`: what was there at that revision cannot be known any more. */
  answered(count: bigint | 'gone'): void;
}

/** How often the store is asked whether mirrors still show what is there. */
export const checkEveryMs = 5_000;

/** etcd's default of `--max-txn-ops` is 128. */
const questionsMax = 100;

/** Asks for all mirrors that share it: one request every 5 s, however many they are. */
export class MirrorChecks {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #all = new Set<Checked>();
  #stopTimer: () => void = () => {};
  #asking = false;

  constructor(store: Store, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
  }

  /** From now on; the function returned ends it. */
  add(checked: Checked): () => void {
    this.#all.add(checked);
    if (this.#all.size === 1 && !this.#asking) this.#arm();
    return () => {
      this.#all.delete(checked);
      if (this.#all.size === 0) this.#stopTimer();
    };
  }

  #arm(): void {
    if (this.#all.size > 0) this.#stopTimer = this.#runtime.setTimer(checkEveryMs, () => void this.#check());
  }

  async #check(): Promise<void> {
    const asked: Asked[] = [];
    for (const checked of [...this.#all]) {
      const question = checked.question();
      if (question !== undefined) asked.push({ checked, question });
    }
    this.#asking = true;
    try {
      for (let i = 0; i < asked.length; i += questionsMax) await this.#ask(asked.slice(i, i + questionsMax));
    } finally {
      this.#asking = false;
      this.#arm();
    }
  }

  async #ask(asked: readonly Asked[]): Promise<void> {
    try {
      const counts = asked.length === 1 ? [await this.#count(asked[0] as Asked)] : await this.#countAll(asked);
      for (const [i, { checked }] of asked.entries()) checked.answered(counts[i] as bigint);
    } catch (error) {
      if (!ConclaveError.is(error)) throw error;
      // Not answered: the watches say what that means. Refused: one of them is to blame, and the others are not.
      if (asked.length > 1 && !error.retryable && error.outcome !== 'unknown') {
        for (const each of asked) await this.#ask([each]);
      } else if (ConclaveError.is(error, 'COMPACTED', 'FUTURE_REVISION')) asked[0]?.checked.answered('gone');
    }
  }

  async #count({ question }: Asked): Promise<bigint> {
    return (await this.#store.range({ ...question, countOnly: true })).count;
  }

  async #countAll(asked: readonly Asked[]): Promise<bigint[]> {
    const success = asked.map(
      ({ question }): RequestOp => ({ type: 'range', request: { ...question, countOnly: true } }),
    );
    const txn = await this.#store.txn({ success });
    return asked.map((_, i) => rangeAt(txn, i).count);
  }
}

interface Asked {
  readonly checked: Checked;
  readonly question: CountQuestion;
}
