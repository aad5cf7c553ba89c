import { ConclaveError } from '../core/errors.js';
import type { RequestOp, TxnResponse } from '../store/messages.js';
import { get, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { ClaimSite } from './claim.js';
import { countGone } from './gone.js';
import type { QueueKeys } from './keys.js';
import { encodeSlot, onLease, type Slot, slotState } from './slot.js';
import { encodeTicket, type Ticket } from './ticket.js';

/** How a claim ends, besides with its lease. */
export type Verdict =
  /** Done: the job is gone for good. */
  | { readonly type: 'ack' }
  /** Back to where it was, at once. */
  | { readonly type: 'nack' };

/**
 * Ends the claim made at `fence`, which only its owner can do, and only while it is the job's claim.
 * @throws ConclaveError `LOST` when the claim is over; its outcome is `unknown` when an earlier run of the request may
 * have been applied before that. `SESSION_LOST` when the session ends before the store has answered, outcome unknown.
 */
export async function settle(
  site: ClaimSite,
  slot: Slot,
  claim: { readonly ticket: Ticket; readonly fence: bigint },
  verdict: Verdict,
): Promise<void> {
  const { context, session, keys } = site;
  const { ticket, fence } = claim;
  const taken = keys.takenOf(ticket.seq);
  const request = {
    compare: [modifiedAt(slot.key, fence), modifiedAt(taken, fence)],
    success: [
      remove(taken),
      put(slot.key, encodeSlot({ settled: fence.toString() }), { leaseId: session.leaseId }),
      ...consequences(keys, ticket, verdict),
    ],
    failure: [get(slot.key), get(taken)],
  };
  const txn = await onLease(session, () =>
    untilAnswered(context.runtime, session.signal, () => context.store.txn(request)),
  );
  slot.revision = settledAt(txn, ticket.seq, fence);
}

function consequences(keys: QueueKeys, ticket: Ticket, verdict: Verdict): RequestOp[] {
  switch (verdict.type) {
    case 'ack':
      return [remove(keys.job(ticket.seq)), ...countGone(keys, ticket.kib)];
    case 'nack':
      return [put(keys.readyOf(ticket), encodeTicket(ticket))];
  }
}

/** The revision of the slot after it was settled, by this run of the request or an earlier one. */
function settledAt(txn: TxnResponse, seq: number, fence: bigint): bigint {
  if (txn.succeeded) return txn.header.revision;
  const slot = rangeAt(txn, 0).kvs[0];
  if (slot !== undefined && slotState(slot).settled === fence.toString()) return slot.modRevision;
  // Still as claimed: then nothing was applied. Else an earlier run may have been, before the slot went.
  const outcome = rangeAt(txn, 1).kvs[0]?.modRevision === fence ? 'not-applied' : 'unknown';
  throw new ConclaveError('LOST', `job ${seq}: its claim is over`, { outcome, loss: 'key-deleted' });
}
