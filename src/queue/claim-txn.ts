import { type Bytes, utf8Text } from '../core/bytes.js';
import { noneIn, type Span } from '../line/rule.js';
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type KeyValue,
  type RequestOp,
  type TxnRequest,
  type TxnResponse,
} from '../store/messages.js';
import { bytesOf, get, modifiedAt, put, rangeAt, rangesFrom, remove } from '../store/ops.js';
import type { ClaimSite, Front } from './claim.js';
import { keyAfter } from './keys.js';
import { encodeSlot, type Slot } from './slot.js';
import { encodeTicket, type Ticket, ticketOf } from './ticket.js';

/** A job that a request has claimed for a slot. */
export interface Won {
  /** Among those that were seen. */
  readonly index: number;
  readonly slot: Slot;
  readonly ticket: Ticket;
  readonly job: KeyValue | undefined;
  readonly progress: KeyValue | undefined;
}

/**
 * Numbers behind the last job that was seen, up to which one request looks: etcd walks over every key of a range,
 * whatever its limit. Whoever finds nothing there asks for the whole range once.
 */
const ahead = 64;

/**
 * Nothing may have come in front of the last job that was seen, and nothing have come back, since they were seen: then
 * all that is there up to it are those of them that are still there. Each slot has jobs of its own to try, one after
 * the other: with n slots the first has number 1, n + 1, 2n + 1 … Whoever claims meanwhile takes the first ones, and of
 * what is left each slot finds one of the next n.
 *
 * Of a job that is known from an event alone, nothing may be in front.
 *
 * All slots are as they were, or nothing is done: a request that comes twice would leave out jobs of those that have
 * theirs already.
 */
export function claimTxn(
  site: ClaimSite,
  slots: readonly Slot[],
  seen: Front,
  limit: number,
  idle: string | undefined,
): TxnRequest {
  const { keys, floors } = site;
  const [first, last] = [seen.jobs[0] as KeyValue, seen.jobs.at(-1) as KeyValue];
  const { seq, priority } = ticketOf(last);
  const end = bytesOf(keys.readyOf({ seq: seq + ahead, priority }));
  const readFrom = (key: Bytes): RequestOp => {
    return { type: 'range', request: { key, rangeEnd: end, limit: BigInt(limit) } };
  };
  return {
    compare: [
      ...slots.map(({ key, revision }) => modifiedAt(key, revision)),
      ...(seen.isHeard === true
        ? floors.spans(utf8Text(first.key)).map(noneIn)
        : floors.spans(`${utf8Text(last.key)}\0`).map((span) => noneSince(span, seen.asOf))),
    ],
    success: [
      ...slots.flatMap((slot, i) => claimOneOf(site, slot, seen.jobs, i, slots.length, idle)),
      readFrom(first.key),
    ],
    failure: [...slots.map(({ key }) => get(key)), readFrom(bytesOf(keys.ready))],
  };
}

/** The job at `index`, or if it is gone the one `step` behind it, unless there is still one that others are to try. */
function claimOneOf(
  site: ClaimSite,
  slot: Slot,
  jobs: readonly KeyValue[],
  index: number,
  step: number,
  idle: string | undefined,
): RequestOp[] {
  const job = jobs[index];
  if (job === undefined) return [];
  const { keys, session } = site;
  const ticket = ticketOf(job);
  const taken = { ...ticket, attempts: ticket.attempts + 1, slot: slot.key };
  const others = jobs[index - step];
  const request = {
    compare: [
      modifiedAt(job.key, job.modRevision),
      ...(others === undefined ? [] : [noneIn(upTo(jobs[0] as KeyValue, others))]),
    ],
    success: [
      remove(job.key),
      put(keys.takenOf(ticket.seq), encodeTicket(taken)),
      put(slot.key, encodeSlot({ job: ticket.seq }), { leaseId: session.leaseId }),
      get(keys.job(ticket.seq)),
      get(keys.progressOf(ticket.seq)),
      ...(idle === undefined ? [] : [remove(idle)]),
    ],
    failure: claimOneOf(site, slot, jobs, index + step, step, idle),
  };
  return [{ type: 'txn', request }];
}

/** Holds if every key there is as it was at `revision`, or gone. */
function noneSince(span: Span, revision: bigint): Compare {
  return { ...span, target: CompareTarget.mod, result: CompareResult.less, modRevision: revision + 1n };
}

function upTo(first: KeyValue, last: KeyValue): Span {
  return { key: first.key, rangeEnd: keyAfter(last.key) };
}

/** What was claimed, in the order of the jobs. */
export function wonIn(txn: TxnResponse, slots: readonly Slot[], jobs: readonly KeyValue[]): readonly Won[] {
  if (!txn.succeeded) return [];
  const won = slots.flatMap((slot, i) => triedBy(slot, txn, i, jobs, i, slots.length));
  return won.sort((a, b) => a.index - b.index);
}

/** Follows the elses of a slot down to the job that it has got. */
function triedBy(
  slot: Slot,
  { responses }: Pick<TxnResponse, 'responses'>,
  at: number,
  jobs: readonly KeyValue[],
  index: number,
  step: number,
): readonly Won[] {
  const op = responses[at];
  if (op?.type !== 'txn') return [];
  if (!op.response.succeeded) return triedBy(slot, op.response, 0, jobs, index + step, step);
  const [job, progress] = [3, 4].map((i) => rangeAt(op.response, i).kvs[0]);
  return [{ index, slot, ticket: ticketOf(jobs[index] as KeyValue), job, progress }];
}

/** The slots as they are, after a request that did nothing. */
export function slotsIn(txn: TxnResponse, slots: readonly Slot[]): readonly (KeyValue | undefined)[] {
  return txn.succeeded
    ? []
    : rangesFrom(txn, 0)
        .slice(0, slots.length)
        .map(({ kvs }) => kvs[0]);
}

/** The first jobs that are there now. */
export function frontIn(txn: TxnResponse): Front {
  return { jobs: rangeAt(txn, txn.responses.length - 1).kvs, asOf: txn.header.revision };
}
