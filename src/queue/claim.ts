import { type Bytes, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { onLease } from '../lease/own-key.js';
import type { Session, SessionContext } from '../lease/session.js';
import { noneIn } from '../line/rule.js';
import type { KeyValue, RequestOp, TxnRequest, TxnResponse } from '../store/messages.js';
import { bytesOf, get, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { below, type QueueKeys } from './keys.js';
import type { QueueSettings } from './options.js';
import { encodeSlot, type Slot, slotState } from './slot.js';
import { encodeTicket, type Ticket, takenOf, ticketOf } from './ticket.js';

/** A job in `ready`, as it was seen. */
export type Candidate = KeyValue;

/** A job that is ours now. */
export interface Claim {
  /** With this attempt counted. */
  readonly ticket: Ticket;
  /** The revision of the claim: higher than that of every earlier one. */
  readonly fence: bigint;
  readonly job: KeyValue | undefined;
  /** How far an earlier attempt came, if it said so. */
  readonly progress: KeyValue | undefined;
  /** Who is first now. */
  readonly next: readonly Candidate[];
}

/** Where a claim is made. */
export interface ClaimSite {
  readonly context: SessionContext;
  readonly session: Session;
  readonly keys: QueueKeys;
  readonly settings: QueueSettings;
}

/**
 * Jobs that one request looks at: more after each one that found them all taken, as long as etcd takes the txn; half as
 * many after one that got the first.
 */
const fewest = 4;
const most = 16;

/**
 * Numbers behind the last job that was seen, up to which one request looks: etcd walks over every key of a range,
 * whatever its limit. Whoever finds nothing there asks for the whole range once.
 */
const ahead = 64;

/**
 * Claims the first ready job, whoever else claims meanwhile; undefined if there is none. `known` are the first jobs as
 * seen last, `idle` a place in the idle line that goes with the claim.
 * @throws ConclaveError `SESSION_LOST`; `LOST` when the slot was deleted.
 */
export async function claimFirst(
  site: ClaimSite,
  slot: Slot,
  known: readonly Candidate[],
  idle: string | undefined,
): Promise<Claim | undefined> {
  let candidates = known.length > 0 ? known : await readFirst(site);
  let limit = Math.max(fewest, known.length);
  // Bounded by the session: each further round means that others have claimed all that were seen.
  for (; isClaimable(candidates); limit = Math.min(limit * 2, most)) {
    const seen = candidates.slice(0, most);
    const txn = await answered(site, claimTxn(site, slot, seen, limit, idle));
    const claim = claimOf(txn, seen);
    if (claim !== undefined) {
      slot.revision = claim.fence;
      const isAlone = claim.ticket.seq === ticketOf(seen[0] as Candidate).seq;
      return isAlone ? { ...claim, next: claim.next.slice(0, Math.max(fewest, limit >> 1)) } : claim;
    }
    const [slotKv, fresh] = refusal(txn);
    if (slotKv?.modRevision !== slot.revision) return claimedBefore(site, slot, slotKv);
    candidates = fresh.length > 0 ? fresh : await readFirst(site);
  }
  return undefined;
}

/** Whether there is a job, and the queue is not paused. */
function isClaimable([first]: readonly Candidate[]): boolean {
  return first !== undefined && !utf8Text(first.key).endsWith('!');
}

async function readFirst({ context, session, keys }: ClaimSite): Promise<readonly Candidate[]> {
  const request = { ...below(keys.ready), limit: BigInt(most) };
  return (await untilAnswered(context.runtime, session.signal, () => context.store.range(request))).kvs;
}

/** The first jobs from `key` on, as far as a little behind those that were seen. */
function readFrom({ keys }: ClaimSite, key: Bytes, seen: readonly Candidate[], limit: number): RequestOp {
  const { seq, priority } = ticketOf(seen.at(-1) as Candidate);
  const rangeEnd = bytesOf(keys.readyOf({ seq: seq + ahead, priority }));
  return { type: 'range', request: { key, rangeEnd, limit: BigInt(limit) } };
}

function answered({ context, session }: ClaimSite, request: TxnRequest): Promise<TxnResponse> {
  return onLease(session, () => untilAnswered(context.runtime, session.signal, () => context.store.txn(request)));
}

/**
 * Nothing may be in front of the first that was seen: that is asked once, since every key that was ever there costs
 * etcd a step until it is compacted. Then one after the other, each in the else of the one before.
 */
function claimTxn(
  site: ClaimSite,
  slot: Slot,
  seen: readonly Candidate[],
  limit: number,
  idle: string | undefined,
): TxnRequest {
  const from = (seen[0] as Candidate).key;
  const ready = bytesOf(site.keys.ready);
  const readNext = readFrom(site, from, seen, limit);
  return {
    compare: [modifiedAt(slot.key, slot.revision), noneIn({ key: ready, rangeEnd: from })],
    success: [{ type: 'txn', request: claimOneOf(site, slot, seen, from, readNext, idle) }],
    failure: [get(slot.key), readFrom(site, ready, seen, limit)],
  };
}

/** The first of them that is there unchanged and has nothing between it and `from`; else a look at what there is. */
function claimOneOf(
  site: ClaimSite,
  slot: Slot,
  [first, ...rest]: readonly Candidate[],
  from: Bytes,
  readNext: RequestOp,
  idle: string | undefined,
): TxnRequest {
  const { keys, session } = site;
  const candidate = first as Candidate;
  const ticket = ticketOf(candidate);
  const taken = { ...ticket, attempts: ticket.attempts + 1, slot: slot.key };
  const between = candidate.key === from ? [] : [noneIn({ key: from, rangeEnd: candidate.key })];
  return {
    compare: [modifiedAt(candidate.key, candidate.modRevision), ...between],
    success: [
      remove(candidate.key),
      put(keys.takenOf(ticket.seq), encodeTicket(taken)),
      put(slot.key, encodeSlot({ job: ticket.seq }), { leaseId: session.leaseId }),
      get(keys.job(ticket.seq)),
      get(keys.progressOf(ticket.seq)),
      readNext,
      ...(idle === undefined ? [] : [remove(idle)]),
    ],
    failure:
      rest.length === 0
        ? [get(slot.key), readNext]
        : [{ type: 'txn', request: claimOneOf(site, slot, rest, from, readNext, idle) }],
  };
}

function claimOf({ succeeded, responses, header }: TxnResponse, seen: readonly Candidate[]): Claim | undefined {
  const [chain] = responses;
  return succeeded && chain?.type === 'txn' ? claimed(chain.response, seen, header.revision) : undefined;
}

function claimed(
  { succeeded, responses }: Pick<TxnResponse, 'succeeded' | 'responses'>,
  [first, ...rest]: readonly Candidate[],
  fence: bigint,
): Claim | undefined {
  if (first === undefined) return undefined;
  if (!succeeded) {
    const [nested] = responses;
    return nested?.type === 'txn' ? claimed(nested.response, rest, fence) : undefined;
  }
  const ticket = ticketOf(first);
  const [job, progress, next] = [3, 4, 5].map((i) => rangeAt({ responses } as TxnResponse, i).kvs);
  return {
    ticket: { ...ticket, attempts: ticket.attempts + 1 },
    fence,
    job: job?.[0],
    progress: progress?.[0],
    next: next ?? [],
  };
}

/** What the else that was gone through has read: the slot, and the first jobs. */
function refusal(txn: TxnResponse): readonly [KeyValue | undefined, readonly Candidate[]] {
  const [first] = txn.responses;
  return first?.type === 'txn' ? refusal(first.response) : [rangeAt(txn, 0).kvs[0], rangeAt(txn, 1).kvs];
}

/** The slot has moved: an earlier run of the request has claimed, or the slot is gone. */
async function claimedBefore(site: ClaimSite, slot: Slot, found: KeyValue | undefined): Promise<Claim> {
  const { context, session, keys } = site;
  const seq = slotState(found).job;
  if (found === undefined || seq === undefined) {
    await session.verify();
    session.signal.throwIfAborted();
    throw new ConclaveError('LOST', `${slot.key} was deleted`, { loss: 'key-deleted' });
  }
  const request = { success: [get(keys.takenOf(seq)), get(keys.job(seq)), get(keys.progressOf(seq))] };
  const txn = await untilAnswered(context.runtime, session.signal, () => context.store.txn(request));
  slot.revision = found.modRevision;
  const taken = rangeAt(txn, 0).kvs[0];
  return {
    ticket: taken === undefined ? { seq, priority: 0, attempts: 1, maxAttempts: 1, kib: 1 } : takenOf(taken),
    fence: found.modRevision,
    job: rangeAt(txn, 1).kvs[0],
    progress: rangeAt(txn, 2).kvs[0],
    next: [],
  };
}
