import type { AnySignal } from '../core/abort.js';
import type { SessionContext } from '../lease/session.js';
import { noneIn } from '../line/rule.js';
import type { RequestOp } from '../store/messages.js';
import { createdAt, get, modifiedAt, put, rangeAt, remove, valueIs } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { comeBack } from './come-back.js';
import type { Floors } from './floors.js';
import { below, type QueueKeys } from './keys.js';
import { encodeTicket, type Ticket, ticketOf } from './ticket.js';

/**
 * A group is free, `busy` with the one job of it that may be handed out, or `vacant` for as long as nobody has brought
 * the next one forward. Jobs of a group that is not free wait in `waiting`, by number.
 */

/** Puts a new ticket where it is claimed, or where it waits for its group. One per group in a txn. */
export function comeForward(keys: QueueKeys, ticket: Ticket): RequestOp {
  return readyOrWaiting(keys, ticket, put(keys.readyOf(ticket), encodeTicket(ticket)));
}

/** The same for one that was away. */
export function comeBackToGroup(keys: QueueKeys, ticket: Ticket, floors?: Floors): RequestOp {
  return readyOrWaiting(keys, ticket, comeBack(keys, ticket, floors));
}

function readyOrWaiting(keys: QueueKeys, ticket: Ticket, ready: RequestOp): RequestOp {
  const { group, seq } = ticket;
  if (group === undefined) return ready;
  const [busy, vacant] = [keys.busyOf(group), keys.vacantOf(group)];
  const takeOrWait = nested({
    compare: [createdAt(busy, 0n), createdAt(vacant, 0n)],
    success: [put(busy, `${seq}`), ready],
    failure: [put(keys.waitingOf(group, seq), encodeTicket(ticket))],
  });
  // Its own group already: it failed, and comes back.
  return nested({ compare: [valueIs(busy, `${seq}`)], success: [ready], failure: [takeOrWait] });
}

/** Lets go of the group that is busy with this ticket; who waits is to be brought forward by `moveGroupOn`. */
export function leaveGroup(keys: QueueKeys, { group, seq }: Pick<Ticket, 'group' | 'seq'>): RequestOp[] {
  if (group === undefined) return [];
  const [busy, vacant] = [keys.busyOf(group), keys.vacantOf(group)];
  const freeOrVacant = nested({
    compare: [noneIn(below(keys.waitingIn(group)))],
    success: [],
    failure: [put(vacant, '')],
  });
  return [nested({ compare: [valueIs(busy, `${seq}`)], success: [remove(busy), freeOrVacant] })];
}

/** Brings the next of a vacant group forward. Safe to run twice, by anybody. */
export async function moveGroupOn(
  { store, runtime }: SessionContext,
  keys: QueueKeys,
  group: string,
  signal: AnySignal,
  floors?: Floors,
): Promise<void> {
  const [busy, vacant] = [keys.busyOf(group), keys.vacantOf(group)];
  const waiting = below(keys.waitingIn(group));
  const look = { success: [get(vacant), { type: 'range', request: { ...waiting, limit: 1n } } as const] };
  // Bounded by `signal`: each further round means that somebody else has changed the group.
  for (;;) {
    const seen = await untilAnswered(runtime, signal, () => store.txn(look));
    const [mark, first] = [rangeAt(seen, 0).kvs[0], rangeAt(seen, 1).kvs[0]];
    if (mark === undefined) return;
    const next = first && ticketOf(first);
    const request = {
      compare: [
        modifiedAt(vacant, mark.modRevision),
        first === undefined ? noneIn(waiting) : modifiedAt(first.key, first.modRevision),
      ],
      success: [
        remove(vacant),
        ...(first === undefined ? [] : [remove(first.key)]),
        ...(next === undefined ? [] : [put(busy, `${next.seq}`), comeBack(keys, next, floors)]),
      ],
    };
    if ((await untilAnswered(runtime, signal, () => store.txn(request))).succeeded) return;
  }
}

function nested(request: Extract<RequestOp, { type: 'txn' }>['request']): RequestOp {
  return { type: 'txn', request };
}
