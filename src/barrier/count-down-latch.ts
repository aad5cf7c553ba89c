import { type AnySignal, type WaitOptions, withDeadline } from '../core/abort.js';
import { type Bytes, concatBytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { randomHex } from '../core/runtime.js';
import { assertWhole } from '../core/whole.js';
import { folderPrefix, type RecipeContext } from '../line/context.js';
import { below } from '../line/rule.js';
import { type RequestOp, type TxnRequest, type TxnResponse, WatchFilter } from '../store/messages.js';
import { createdAt, get, mismatch, modifiedAt, put, rangeAt, remove, valueIs } from '../store/ops.js';
import { untilAnswered, untilAnsweredOrAborted, untilDone } from '../store/repeat.js';
import { asParty, type Party, type PartyOptions, partyLost } from './party.js';
import { type Look, untilPassed } from './until-passed.js';

/** Where latches live, below the namespace. */
const root = 'latches';

export interface LatchOptions {
  /** How often it must be counted down, from 1. All must say the same number. */
  readonly count: number;
}

/** What opens when it was counted down often enough. README.md beside this file says what it promises. */
export class CountDownLatch {
  readonly name: string;
  readonly #context: RecipeContext;
  readonly #count: number;
  readonly #terms: Bytes;
  readonly #downs: Bytes;
  readonly #parties: Bytes;

  /** @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless `count` is a whole number from 1. */
  constructor(context: RecipeContext, name: string, options: LatchOptions) {
    const { count } = Object(options) as LatchOptions;
    assertWhole('count', count, 1);
    const prefix = folderPrefix(context, root, name);
    const at = (path: string) => concatBytes(prefix, utf8(path));
    this.name = name;
    this.#context = context;
    this.#count = count;
    [this.#terms, this.#downs, this.#parties] = [at('count'), at('downs/'), at('parties/')];
  }

  /**
   * Counts down by one, and resolves to what is left; at 0 it has no effect. What was counted stays counted, whatever
   * becomes of this process.
   * @throws ConclaveError `MISMATCH` when the latch has another count; `SESSION_LOST`, `LOST`, `TIMEOUT`, or
   * `signal.reason` itself: then it may have been counted.
   */
  countDown(options: PartyOptions = {}): Promise<number> {
    const site = { what: `latch ${this.name}`, prefix: this.#parties };
    return asParty(this.#context, site, options, { run: (party, signal) => this.#countDown(party, signal) });
  }

  /**
   * Waits until it has been counted down to 0.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`; `MISMATCH` when the latch has another count.
   */
  wait(options: WaitOptions = {}): Promise<void> {
    const { store, runtime } = this.#context;
    const more = { ...below(this.#downs), filters: [WatchFilter.noDelete] };
    return withDeadline(runtime, `latch ${this.name}`, options, async (signal) => {
      const look = async (): Promise<Look<void>> =>
        this.#leftIn(await store.txn({ success: this.#reads() }, { signal })) === 0
          ? { passed: undefined }
          : { waitFor: more };
      return untilPassed(this.#context, signal, await untilAnswered(runtime, signal, look), look);
    });
  }

  /** How many counts are left. Throws as `wait`. */
  left(options: WaitOptions = {}): Promise<number> {
    const { store, runtime } = this.#context;
    return withDeadline(runtime, `latch ${this.name}`, options, async (signal) =>
      this.#leftIn(await untilAnswered(runtime, signal, () => store.txn({ success: this.#reads() }, { signal }))),
    );
  }

  /**
   * Takes away all that stands of it on the store: the next count is the first of a new life, perhaps with another
   * number. False: there was nothing.
   */
  delete(options: WaitOptions = {}): Promise<boolean> {
    const { store, runtime } = this.#context;
    return withDeadline(runtime, `latch ${this.name}`, options, async (signal) => {
      const { kvs } = await untilAnswered(runtime, signal, () => store.range({ key: this.#terms }, { signal }));
      const [terms] = kvs;
      if (terms === undefined) return false;
      const compare = [createdAt(this.#terms, terms.createRevision)];
      const success = [remove(this.#terms), remove(this.#downs, below(this.#downs))];
      await untilDone(runtime, signal, () => store.txn({ compare, success }));
      return true;
    });
  }

  async #countDown({ key, revision, nonce }: Party, signal: AnySignal): Promise<number> {
    const { store, runtime } = this.#context;
    const down = concatBytes(this.#downs, utf8(randomHex(runtime)));
    const count = () => store.txn(this.#countTxn(key, revision, down));
    const txn = await untilAnsweredOrAborted(runtime, signal, count);
    const answer = txn.succeeded ? txn : nestedIn(txn);
    const left = this.#leftIn(answer);
    // An earlier run of the request may have counted, in a life of the latch that is over.
    if (!answer.succeeded && rangeAt(answer, 2).kvs.length === 0) throw partyLost(key, 'unknown');
    nonce.free();
    if (!answer.succeeded || left > 0) return Math.max(answer.succeeded ? left - 1 : left, 0);
    // It was at 0 before: what was added would stay without a use.
    await untilAnsweredOrAborted(runtime, signal, () => store.txn({ success: [remove(down)] }));
    return 0;
  }

  /** If nobody has counted yet: with the terms; else if the terms are the same; else a look at what there is. */
  #countTxn(key: Bytes, revision: bigint, down: Bytes): TxnRequest {
    const own = modifiedAt(key, revision);
    const count = [put(down, ''), remove(key)];
    const again: TxnRequest = {
      compare: [own, valueIs(this.#terms, `${this.#count}`)],
      success: [...this.#reads(), ...count],
      failure: [...this.#reads(), get(down)],
    };
    return {
      compare: [own, createdAt(this.#terms, 0n)],
      success: [...this.#reads(), put(this.#terms, `${this.#count}`), ...count],
      failure: [{ type: 'txn', request: again }],
    };
  }

  #reads(): RequestOp[] {
    return [get(this.#terms), { type: 'range', request: { ...below(this.#downs), countOnly: true } }];
  }

  /** @throws ConclaveError `MISMATCH`. */
  #leftIn(txn: Pick<TxnResponse, 'responses'>): number {
    const [terms] = rangeAt(txn, 0).kvs;
    const count = `${this.#count}`;
    if (terms !== undefined && utf8Text(terms.value) !== count) {
      throw new ConclaveError('MISMATCH', `latch ${this.name} counts down from ${utf8Text(terms.value)}, not ${count}`);
    }
    return Math.max(this.#count - Number(rangeAt(txn, 1).count), 0);
  }
}

function nestedIn(txn: TxnResponse): Pick<TxnResponse, 'succeeded' | 'responses'> {
  const [op] = txn.responses;
  return op?.type === 'txn' ? op.response : mismatch(op, 'txn');
}
