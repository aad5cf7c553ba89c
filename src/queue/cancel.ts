import type { KeyValue } from '../store/messages.js';
import { createdAt, get, modifiedAt, rangeAt, rangesFrom, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { type AdminSite, answered } from './admin.js';
import { removeJob } from './gone.js';
import { leaveGroup, moveGroupOn } from './group.js';
import { below, keyAfter, seqAt } from './keys.js';
import { type JobRecord, recordOf } from './record.js';
import { takenOf } from './ticket.js';

/** Delayed tickets that one request looks at. */
const perRequest = 1_000;

/**
 * Takes a job away for good, whatever its state; false: there is none of that number. Whoever works on it loses it, and
 * whoever waits for it in its group goes on.
 */
export async function cancelJob(site: AdminSite, seq: number, signal: AbortSignal): Promise<boolean> {
  const { context, keys } = site;
  const job = keys.job(seq);
  // Bounded by `signal`: each further round means that the job has moved, or that an answer was lost.
  for (let seen = false; ; seen = true) {
    const found = rangeAt(await answered(context, { success: [get(job)] }, signal), 0).kvs[0];
    if (found === undefined) return seen;
    const record = recordOf(found);
    const { group } = record;
    const ticket = await ticketOfJob(site, seq, record, signal);
    const { slot } = ticket === undefined ? { slot: '' } : takenOf(ticket);
    const request = {
      compare: [
        createdAt(job, found.createRevision),
        // One that is nowhere has just moved: then it is dropped by whoever meets it, unless that is somebody by now.
        ticket === undefined ? modifiedAt(keys.takenOf(seq), 0n) : modifiedAt(ticket.key, ticket.modRevision),
      ],
      success: [
        ...removeJob(keys, { ...record, seq }),
        ...(ticket === undefined ? [] : [remove(ticket.key)]),
        ...(slot === '' ? [] : [remove(slot)]),
        ...leaveGroup(keys, { group, seq }),
      ],
    };
    if (!(await answered(context, request, signal)).succeeded) continue;
    if (group !== undefined) await moveGroupOn(context, keys, group, signal);
    return true;
  }
}

/**
 * Where a job's ticket is, by what its record says: at one place of few, unless it has failed and waits for its time.
 */
async function ticketOfJob(
  site: AdminSite,
  seq: number,
  { priority, group, dueMs }: JobRecord,
  signal: AbortSignal,
): Promise<KeyValue | undefined> {
  const { context, keys } = site;
  const places = [
    keys.takenOf(seq),
    keys.deadOf(seq),
    keys.readyOf({ seq, priority }),
    keys.backOf({ seq, priority }),
    ...(group === undefined ? [] : [keys.waitingOf(group, seq)]),
    ...(dueMs === undefined ? [] : [keys.delayedOf(seq, dueMs)]),
  ];
  const look = await answered(context, { success: places.map((place) => get(place)) }, signal);
  return rangesFrom(look, 0).flatMap(({ kvs }) => kvs)[0] ?? delayedTicket(site, seq, signal);
}

async function delayedTicket({ context, keys }: AdminSite, seq: number, signal: AbortSignal) {
  const { store, runtime } = context;
  const span = below(keys.delayed);
  // One walk over the keys.
  for (let from = span.key; ; ) {
    const request = { ...span, key: from, keysOnly: true, limit: BigInt(perRequest) };
    const { kvs } = await untilAnswered(runtime, signal, () => store.range(request, { signal }));
    const found = kvs.find(({ key }) => seqAt(key) === seq);
    const last = kvs.at(-1);
    if (found !== undefined || last === undefined || kvs.length < perRequest) return found;
    from = keyAfter(last.key);
  }
}
