import type { AnySignal } from '../core/abort.js';
import { type Bytes, sameBytes } from '../core/bytes.js';
import type { SessionContext } from '../lease/session.js';
import type { ResponseHeader, TxnRequest } from '../store/messages.js';
import { createdAt, modifiedAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';

/** The place that proclaims. */
export interface Candidacy {
  readonly key: Bytes;
  readonly term: bigint;
  /** Hangs the key on this lease; absent: on the one it has. */
  readonly leaseId?: bigint | undefined;
  /** The mod revision of the value that stands in this term, as far as it is known. */
  readonly valueRevision: bigint;
}

export interface Proclaimed {
  readonly header: ResponseHeader;
  readonly valueRevision: bigint;
}

/**
 * Writes `value` into a candidate's place, as long as that is there; undefined if it is not. Sent again when the answer
 * was lost; each try builds on the value that it knows to stand, so that one that arrives late undoes nothing.
 */
export async function proclaim(
  { store, runtime }: SessionContext,
  signal: AnySignal,
  candidacy: Candidacy,
  value: Bytes,
): Promise<Proclaimed | undefined> {
  let { valueRevision } = candidacy;
  let doubtful = false;
  const doubt = () => {
    doubtful = true;
  };
  // Bounded by `signal`: each further turn is for somebody else who has written the key.
  for (;;) {
    const txn = await untilAnswered(runtime, signal, () => store.txn(change(candidacy, valueRevision, value)), doubt);
    if (txn.succeeded) return { header: txn.header, valueRevision: txn.header.revision };
    const { header, kvs } = await untilAnswered(runtime, signal, () => store.range({ key: candidacy.key }));
    const [found] = kvs;
    if (found?.createRevision !== candidacy.term) return undefined;
    valueRevision = found.modRevision;
    // An earlier try did it, and only its answer was lost.
    if (doubtful && sameBytes(found.value, value)) return { header, valueRevision };
  }
}

/**
 * On top of the value that is known to stand, so that it fails if it comes after another, or in another term: a later
 * value's revision was found in this one, and belongs to no other; the first one's is the term itself, and may only be
 * claimed. It does not read what stands instead: that is rare, and would cost every proclamation.
 */
function change({ key, term, leaseId }: Candidacy, valueRevision: bigint, value: Bytes): TxnRequest {
  const lease = leaseId === undefined ? { ignoreLease: true } : { lease: leaseId };
  const stands = modifiedAt(key, valueRevision);
  return {
    compare: valueRevision === term ? [createdAt(key, term), stands] : [stands],
    success: [{ type: 'put', request: { key, value, ...lease } }],
  };
}
