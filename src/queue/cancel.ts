import { utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { randomHex } from '../core/runtime.js';
import type { KeyValue, TxnRequest } from '../store/messages.js';
import { createdAt, get, modifiedAt, rangeAt, rangesFrom, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { type AdminSite, answered } from './admin.js';
import { removeJob } from './gone.js';
import { leaveGroup, moveGroupOn } from './group.js';
import { below, keyAfter, type QueueKeys, seqAt } from './keys.js';
import { type JobRecord, recordOf } from './record.js';
import { takenOf } from './ticket.js';

/** Delayed tickets that one request looks at. */
const perRequest = 1_000;

/**
 * Takes a job away for good, whatever its state; false: there is none of that number. Whoever works on it loses it, and
 * whoever waits for it in its group goes on.
 * @throws ConclaveError `UNAVAILABLE`, outcome unknown, when an answer was lost, the job is gone, and others were
 * cancelled meanwhile.
 */
export async function cancelJob(site: AdminSite, seq: number, signal: AbortSignal): Promise<boolean> {
  const { context, keys } = site;
  const { store, runtime } = context;
  const by = randomHex(runtime);
  let isDoubtful = false;
  const doubt = () => {
    isDoubtful = true;
  };
  // Bounded by `signal`: each further round means that the job has moved.
  for (let before: bigint | undefined; ; ) {
    const look = await answered(context, { success: [get(keys.job(seq)), get(keys.cancelled)] }, signal);
    const [found, last] = [0, 1].map((i) => rangeAt(look, i).kvs[0]);
    if (found === undefined) return isDoubtful && wasBy(by, last, before);
    before ??= last?.modRevision ?? 0n;
    const record = recordOf(found);
    const request = removalOf(keys, by, found, { ...record, seq }, await ticketOfJob(site, seq, record, signal));
    const txn = await untilAnswered(runtime, signal, () => store.txn(request, { signal }), doubt);
    if (!txn.succeeded) continue;
    if (record.group !== undefined) await moveGroupOn(context, keys, record.group, signal);
    return true;
  }
}

function removalOf(
  keys: QueueKeys,
  by: string,
  found: KeyValue,
  job: JobRecord & { readonly seq: number },
  ticket: KeyValue | undefined,
): TxnRequest {
  const { slot } = ticket === undefined ? { slot: '' } : takenOf(ticket);
  return {
    compare: [
      createdAt(found.key, found.createRevision),
      // One that is nowhere has just moved: then it is dropped by whoever meets it, unless that is somebody by now.
      ticket === undefined ? modifiedAt(keys.takenOf(job.seq), 0n) : modifiedAt(ticket.key, ticket.modRevision),
    ],
    success: [
      ...removeJob(keys, job, by),
      ...(ticket === undefined ? [] : [remove(ticket.key)]),
      ...(slot === '' ? [] : [remove(slot)]),
      ...leaveGroup(keys, job),
    ],
  };
}

/** Whether this cancel, of whose request nobody had heard, took the job away; `before`: when it was not sent yet. */
function wasBy(by: string, last: KeyValue | undefined, before: bigint | undefined): boolean {
  if (last === undefined || last.modRevision === before) return false;
  if (utf8Text(last.value) === by) return true;
  const message = 'the answer was lost, and too much has happened since to find out';
  throw new ConclaveError('UNAVAILABLE', message, { outcome: 'unknown', retryable: false });
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
