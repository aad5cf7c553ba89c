import { type AnySignal, type WaitOptions, withDeadline } from '../core/abort.js';
import { type Bytes, concatBytes, latin1, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session } from '../lease/session.js';
import { folderPrefix, type RecipeContext } from '../line/context.js';
import type { Stem } from '../line/place.js';
import { below } from '../line/rule.js';
import type { KeyValue, RequestOp, TxnResponse } from '../store/messages.js';
import { modifiedAt, put, rangeAt, remove, valueIs } from '../store/ops.js';
import { untilAnswered, untilAnsweredOrAborted, untilDone } from '../store/repeat.js';
import { asParty, type Party, type PartyOptions, partyLost } from './party.js';
import { type Look, untilPassed } from './until-passed.js';

/** Where barriers live, below the namespace. */
const root = 'barriers';

export interface RaiseOptions extends PartyOptions {
  /** Whether it stays up when this process is gone. Default: false, then those who wait are told of the loss. */
  readonly persistent?: boolean | undefined;
}

/** A gate that one closes and many wait at. README.md beside this file says what it promises. */
export class Barrier {
  readonly name: string;
  readonly #context: RecipeContext;
  readonly #up: Bytes;
  readonly #raisers: Bytes;
  readonly #all: RequestOp;
  readonly #prefix: Bytes;

  /** @throws ConclaveError `INVALID_NAME` for an empty name. */
  constructor(context: RecipeContext, name: string) {
    this.name = name;
    this.#context = context;
    this.#prefix = folderPrefix(context, root, name);
    this.#up = concatBytes(this.#prefix, utf8('up'));
    this.#raisers = concatBytes(this.#prefix, utf8('raisers/'));
    this.#all = { type: 'range', request: below(this.#prefix) };
  }

  /**
   * Closes it; resolves to false when somebody else has closed it already. If whoever did is lost, this call takes its
   * place. It is open again after `lift()`, whoever calls that.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `SESSION_LOST`, `LOST`: then this call leaves
   * it open, though it may have been closed for a moment.
   */
  raise(options: RaiseOptions = {}): Promise<boolean> {
    const { persistent = false } = options;
    const site = { what: `barrier ${this.name}`, prefix: this.#raisers };
    return asParty(this.#context, site, options, {
      run: (party, signal) => this.#raise(party, persistent, signal),
      undo: (session, stem, made) => this.#undo(session, stem, made),
    });
  }

  /**
   * Opens it for all who wait; resolves to false when it was open.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`: then it may have been opened.
   */
  lift(options: WaitOptions = {}): Promise<boolean> {
    const { store, runtime } = this.#context;
    return withDeadline(runtime, `barrier ${this.name}`, options, async (signal) => {
      const { up } = this.#seen(
        await untilAnswered(runtime, signal, () => store.txn({ success: [this.#all] }, { signal })),
      );
      if (up === undefined) return false;
      const own = [remove(this.#up), ...(up.value.length > 0 ? [remove(up.value)] : [])];
      const txn = { compare: [modifiedAt(this.#up, up.modRevision)], success: own };
      // Not as seen any more: an earlier run of this request has opened it, or somebody else.
      await untilDone(runtime, signal, () => store.txn(txn));
      return true;
    });
  }

  /**
   * Waits until it is open.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`; `LOST` when whoever closed it is lost, and it stays
   * closed.
   */
  wait(options: WaitOptions = {}): Promise<void> {
    const { store, runtime } = this.#context;
    return withDeadline(runtime, `barrier ${this.name}`, options, async (signal) => {
      const look = async (): Promise<Look<void>> => {
        const { up, raiserLost } = this.#seen(await store.txn({ success: [this.#all] }, { signal }));
        if (up === undefined) return { passed: undefined };
        if (raiserLost) throw new ConclaveError('LOST', `whoever closed barrier ${this.name} is lost`);
        return { waitFor: below(this.#prefix) };
      };
      return untilPassed(this.#context, signal, await untilAnswered(runtime, signal, look), look);
    });
  }

  /** Bounded by `signal`: each round more means that others have closed and opened it, or were lost, meanwhile. */
  async #raise({ session, key, revision }: Party, persistent: boolean, signal: AnySignal): Promise<boolean> {
    const { store, runtime } = this.#context;
    // Stays or goes with its key. So whoever finds its key gone knows that it did not close it, or does not any more.
    const own = put(key, 'up', persistent ? {} : { leaseId: session.leaseId });
    for (let over: KeyValue | undefined; ; ) {
      const request = {
        compare: [modifiedAt(key, revision), modifiedAt(this.#up, over?.modRevision ?? 0n)],
        success: [put(this.#up, key), own],
        failure: [this.#all],
      };
      const txn = await untilAnsweredOrAborted(runtime, signal, () => store.txn(request));
      if (txn.succeeded) return true;
      const { up, raiserLost, keys } = this.#seen(txn);
      const mine = keys.get(latin1(key));
      if (mine === undefined) throw partyLost(key, 'unknown');
      if (mine.modRevision !== revision) return true;
      if (up !== undefined && !raiserLost) {
        await untilAnsweredOrAborted(runtime, signal, () => store.txn({ success: [remove(key)] }));
        return false;
      }
      over = up;
    }
  }

  /** What it closed is opened again: whoever asked for it has been told that it did not. */
  async #undo(session: Session, stem: Stem, made: Promise<unknown>): Promise<void> {
    const { store, runtime } = this.#context;
    await made.catch(() => {});
    const own = remove(stem.key, stem);
    const txn = { compare: [valueIs(this.#up, stem.key)], success: [remove(this.#up), own], failure: [own] };
    try {
      await untilAnswered(runtime, session.signal, () => store.txn(txn));
    } catch (error) {
      if (!ConclaveError.is(error)) throw error;
    }
  }

  /** `raiserLost`: it is closed, and the key of whoever did it went with a lease. */
  #seen(txn: TxnResponse) {
    const keys = new Map(rangeAt(txn, 0).kvs.map((kv) => [latin1(kv.key), kv]));
    const up = keys.get(latin1(this.#up));
    const raiserLost = up !== undefined && up.value.length > 0 && !keys.has(latin1(up.value));
    return { up, raiserLost, keys };
  }
}
