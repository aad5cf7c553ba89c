import { noneIn } from '../line/rule.js';
import type { RequestOp } from '../store/messages.js';
import { bytesOf, put } from '../store/ops.js';
import type { Floors } from './floors.js';
import type { QueueKeys } from './keys.js';
import { encodeTicket, type Ticket } from './ticket.js';

/**
 * Puts a ticket back into `ready` that was away, or comes there late. Its old place may lie where nobody looks any more
 * (`Floors`): it goes there only if one with a lower number still stands there, and else in front of all of its
 * priority, which then is its turn. One that was handed out before was first in its time.
 */
export function comeBack(keys: QueueKeys, ticket: Ticket, floors?: Floors): RequestOp {
  const { seq, priority, attempts } = ticket;
  const inFront = put(keys.backOf(ticket), encodeTicket(ticket));
  const floor = floors?.of(priority) ?? 0;
  if (attempts > 0 || floor >= seq) return inFront;
  const before = { key: bytesOf(keys.readyOf({ seq: floor, priority })), rangeEnd: bytesOf(keys.readyOf(ticket)) };
  return {
    type: 'txn',
    request: {
      compare: [noneIn(before)],
      success: [inFront],
      failure: [put(keys.readyOf(ticket), encodeTicket(ticket))],
    },
  };
}
