import { ConclaveError } from '../core/errors.js';
import { onLease } from '../lease/own-key.js';
import { type Compare, CompareResult, CompareTarget, type RequestOp, type TxnResponse } from '../store/messages.js';
import { bytesOf, get, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { ClaimSite } from './claim.js';
import { comeBack } from './come-back.js';
import { freeKey } from './dedupe.js';
import { removeJob } from './gone.js';
import { leaveGroup } from './group.js';
import { encodeSlot, type Slot, slotState } from './slot.js';
import { encodeTicket, type Ticket } from './ticket.js';

/** How a claim ends, besides with its lease. */
export type Verdict =
  /** Done: the job is gone for good. */
  | { readonly type: 'ack'; readonly result?: KeptResult | undefined }
  /** Back to where it was, at once; `counted`: as an attempt. */
  | { readonly type: 'nack'; readonly counted: boolean; readonly reason?: string | undefined }
  /** To be handed out again when it is due, in milliseconds since 1970. */
  | { readonly type: 'retry'; readonly delayMs: number; readonly dueMs: number; readonly reason: string | undefined }
  /** Given up: it lies among the dead letters until somebody redrives it. */
  | { readonly type: 'dead'; readonly reason: string }
  /** Its job was cancelled. */
  | { readonly type: 'drop' };

/** What an acknowledged job leaves behind, until its lease ends. */
export interface KeptResult {
  readonly json: string;
  readonly leaseId: bigint;
}

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
    compare: [
      modifiedAt(slot.key, fence),
      modifiedAt(taken, fence),
      ...(verdict.type === 'drop' ? [] : [exists(keys.job(ticket.seq))]),
    ],
    success: [
      remove(taken),
      put(slot.key, encodeSlot({ settled: fence.toString() }), { leaseId: session.leaseId }),
      ...consequences(site, ticket, verdict),
    ],
    failure: [get(slot.key), get(taken)],
  };
  const txn = await onLease(session, () =>
    untilAnswered(context.runtime, session.signal, () => context.store.txn(request)),
  );
  slot.revision = settledAt(txn, ticket.seq, fence);
}

function consequences({ keys, floors }: ClaimSite, ticket: Ticket, verdict: Verdict): RequestOp[] {
  switch (verdict.type) {
    case 'ack': {
      const { result } = verdict;
      const kept = result && put(keys.resultOf(ticket.seq), result.json, { leaseId: result.leaseId });
      return [...removeJob(keys, ticket), ...leaveGroup(keys, ticket), ...(kept === undefined ? [] : [kept])];
    }
    case 'nack': {
      const attempts = ticket.attempts - (verdict.counted ? 0 : 1);
      return [comeBack(keys, { ...ticket, attempts, reason: verdict.reason }, floors)];
    }
    case 'retry':
      return [
        put(
          keys.delayedOf(ticket.seq, verdict.dueMs),
          encodeTicket({ ...ticket, delayMs: verdict.delayMs, reason: verdict.reason }),
        ),
      ];
    case 'dead':
      return [
        put(keys.deadOf(ticket.seq), encodeTicket({ ...ticket, reason: verdict.reason })),
        ...freeKey(keys, ticket),
        ...leaveGroup(keys, ticket),
      ];
    case 'drop':
      return leaveGroup(keys, ticket);
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

/** A job that was cancelled is not there: whatever its consumer says of it counts no more. */
function exists(key: string): Compare {
  return { key: bytesOf(key), target: CompareTarget.version, result: CompareResult.greater, version: 0n };
}
