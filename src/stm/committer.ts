import { abortable, linkSignals } from '../core/abort.js';
import { type Bytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError, undecided } from '../core/errors.js';
import { randomHex } from '../core/runtime.js';
import { makeOwnKey, onLease } from '../lease/own-key.js';
import type { Session } from '../lease/session.js';
import { onSession } from '../line/acquire.js';
import type { RecipeContext } from '../line/context.js';
import { leave } from '../line/leave.js';
import { newPlaceKey } from '../line/place.js';
import type { TxnRequest, TxnResponse } from '../store/messages.js';
import { get, mismatch, modifiedAt, put, rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { Commitment } from './tx.js';

/** Where commits are witnessed, below the namespace. */
const root = 'stm';

/** Compares, or operations, that etcd takes in one txn by default, less what a commit adds of its own. */
const mostPerTxn = 126;

/**
 * A key on this process's lease, used by one commit at a time. Each is guarded by its last revision and changes it: a
 * request that is sent again, or applied late, works once at most, and the key tells whether it did.
 */
interface Witness {
  readonly session: Session;
  readonly key: Bytes;
  readonly createRevision: bigint;
  revision: bigint;
}

/** Commits transactions, each with a witness that no other uses meanwhile. */
export class Committer {
  readonly #context: RecipeContext;
  readonly #free = new Set<Witness>();

  constructor(context: RecipeContext) {
    this.#context = context;
  }

  /** False: something that was read has changed meanwhile, and nothing was written. Throws as `Stm.run`. */
  async commit(commitment: Commitment, session: Session | undefined, signal: AbortSignal): Promise<boolean> {
    assertFits(commitment);
    let sent = false;
    try {
      return await onSession(this.#context, 'transaction', { session, signal }, async (own, either, entered) => {
        const linked = linkSignals(either, own.signal);
        try {
          const witness = await this.#witnessFor(own, linked.signal);
          entered();
          sent = true;
          return await this.#send(commitment, witness, linked.signal);
        } finally {
          linked.unlink();
        }
      });
    } catch (error) {
      throw sent && !isRefusal(error) ? undecided(error) : error;
    }
  }

  /** One that is made too late for its caller is the next one's. */
  async #witnessFor(session: Session, signal: AbortSignal): Promise<Witness> {
    const making = this.#witness(session);
    try {
      return await abortable(making, signal);
    } catch (error) {
      making.then(
        (witness) => this.#free.add(witness),
        () => {},
      );
      throw error;
    }
  }

  async #witness(session: Session): Promise<Witness> {
    for (const witness of this.#free) {
      if (witness.session !== session) {
        // Another's; those of sessions that are over are of no use any more.
        if (witness.session.signal.aborted) this.#free.delete(witness);
        continue;
      }
      this.#free.delete(witness);
      return witness;
    }
    const { runtime, namespace } = this.#context;
    const { key } = newPlaceKey(randomHex(runtime), utf8(`${namespace}${root}/`), session.leaseId);
    const make = () => makeOwnKey(this.#context, session, key, '');
    const revision = await onLease(session, () => untilAnswered(runtime, session.signal, make));
    return { session, key, createRevision: revision, revision };
  }

  async #send(commitment: Commitment, witness: Witness, signal: AbortSignal): Promise<boolean> {
    const { store, runtime } = this.#context;
    const mark = randomHex(runtime);
    const request = commitTxn(commitment, witness, mark);
    let isDoubtful = false;
    const doubt = () => {
      isDoubtful = true;
    };
    try {
      const sending = untilAnswered(runtime, signal, () => store.txn(request), doubt);
      const isDone = await this.#told(await abortable(sending, signal), witness, mark);
      if (isDone || !isDoubtful) this.#free.add(witness);
      else await abortable(this.#discard(witness), signal);
      return isDone;
    } catch (error) {
      if (isRefusal(error) && !isDoubtful) this.#free.add(witness);
      else {
        const discarded = this.#discard(witness);
        discarded.catch(() => {});
        if (isRefusal(error)) await abortable(discarded, signal);
      }
      if (ConclaveError.is(error, 'LEASE_NOT_FOUND')) await witness.session.verify();
      witness.session.signal.throwIfAborted();
      throw error;
    }
  }

  /**
   * Without its witness a commit can't be applied any more, if it was not yet: what is refused, and was sent before
   * without an answer, would be, should what it compares ever be so again, as a key's not being there.
   */
  #discard({ session, key, createRevision }: Witness): Promise<void> {
    return leave(this.#context, session, { key, fence: createRevision });
  }

  /** Whether it was made. */
  async #told(txn: TxnResponse, witness: Witness, mark: string): Promise<boolean> {
    if (txn.succeeded) {
      witness.revision = txn.header.revision;
      return true;
    }
    const kv = rangeAt(txn, 0).kvs[0];
    if (kv === undefined) {
      await witness.session.verify();
      witness.session.signal.throwIfAborted();
      throw new ConclaveError('LOST', `${utf8Text(witness.key)} is gone`, { loss: 'key-deleted', outcome: 'unknown' });
    }
    const before = witness.revision;
    witness.revision = kv.modRevision;
    if (kv.modRevision !== before && utf8Text(kv.value) === mark) return true;
    if (!guardsHold(txn)) throw new ConclaveError('LOST', 'a guard of the transaction does not hold');
    return false;
  }
}

function commitTxn({ compare, guards, success }: Commitment, { session, key, revision }: Witness, mark: string) {
  const request: TxnRequest = {
    compare: [modifiedAt(key, revision), ...compare, ...guards],
    success: [put(key, mark, { leaseId: session.leaseId }), ...success],
    failure: [get(key), { type: 'txn', request: { compare: guards } }],
  };
  return request;
}

function guardsHold(txn: TxnResponse): boolean {
  const op = txn.responses[1];
  return op?.type === 'txn' ? op.response.succeeded : mismatch(op, 'txn');
}

/** What the store says instead of applying it: nothing of it is written then. */
function isRefusal(error: unknown): boolean {
  return (
    ConclaveError.is(error, 'LEASE_NOT_FOUND', 'INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED', 'PERMISSION_DENIED', 'LOST') &&
    error.outcome === 'not-applied'
  );
}

function assertFits({ compare, guards, success }: Commitment): void {
  const compares = compare.length + guards.length;
  if (compares <= mostPerTxn && success.length <= mostPerTxn) return;
  const message = `a transaction reads and writes at most ${mostPerTxn} keys, not ${compares} and ${success.length}`;
  throw new ConclaveError('RESOURCE_EXHAUSTED', message);
}
