import { utf8Text } from '../core/bytes.js';
import { numberOr } from '../core/plain.js';
import { randomHex } from '../core/runtime.js';
import type { KeyValue, TxnRequest } from '../store/messages.js';
import { createdAt, get, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { type AdminSite, answered, folderOf, type JobState } from './admin.js';
import { removeTraces } from './gone.js';
import { leaveGroup, moveGroupOn } from './group.js';
import { jsonObject } from './json.js';
import { below, keyAfter, type QueueKeys } from './keys.js';
import { requestsIn, withRequest } from './requests.js';
import { tailOf } from './tail.js';
import { type Ticket, ticketOf } from './ticket.js';

/** Jobs that one request removes, so that etcd takes the txn: 128 operations. */
const perRequest = 20;

/** A ticket, and the revision at which its job was made; 0n: it was cancelled. */
interface Found {
  readonly kv: KeyValue;
  readonly ticket: Ticket;
  readonly jobCreated: bigint;
}

/** Removes every job of the state that is there now, none that comes later; resolves to their number. */
export async function purgeState(site: AdminSite, state: JobState, signal: AbortSignal): Promise<number> {
  const tail = tailOf(rangeAt(await answered(site.context, { success: [get(site.keys.tail)] }, signal), 0).kvs[0]);
  const span = below(folderOf(site.keys, state));
  let from = span.key;
  let limit = perRequest;
  let count = 0;
  // One walk over the keys. A page is read again, and made smaller, when somebody has changed one of its jobs
  // meanwhile.
  for (;;) {
    const request = { ...span, key: from, limit: BigInt(limit) };
    const page = distinct(
      rangeAt(await answered(site.context, { success: [{ type: 'range', request }] }, signal), 0).kvs,
      site.keys,
    );
    const last = page.at(-1);
    if (last === undefined) return count;
    const tickets = page.filter(({ key }) => utf8Text(key) !== site.keys.paused);
    const removed = await removePage(
      site,
      tickets.filter((kv) => ticketOf(kv).seq <= tail.seq),
      state,
      signal,
    );
    count += removed ?? 0;
    limit = removed === undefined ? Math.max(1, limit >> 1) : perRequest;
    if (removed !== undefined) from = keyAfter(last.key);
  }
}

/** Up to the second ticket of one group: a txn may let go of a group once. */
function distinct(kvs: readonly KeyValue[], { paused }: QueueKeys): readonly KeyValue[] {
  const groups = new Set<string>();
  const end = kvs.findIndex((kv) => {
    const group = utf8Text(kv.key) === paused ? undefined : ticketOf(kv).group;
    if (group === undefined) return false;
    const again = groups.has(group);
    groups.add(group);
    return again;
  });
  return end === -1 ? kvs : kvs.slice(0, end);
}

/** How many jobs it has removed; undefined: one of them has changed meanwhile. */
async function removePage(
  site: AdminSite,
  kvs: readonly KeyValue[],
  state: JobState,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (kvs.length === 0) return 0;
  const { context, keys } = site;
  const tickets = kvs.map(ticketOf);
  const purged = `${keys.gone}purged`;
  const jobs = tickets.map(({ seq }) => get(keys.job(seq), { keysOnly: true }));
  const look = await answered(site.context, { success: [get(purged), ...jobs] }, signal);
  const found = kvs.map((kv, i) => ({
    kv,
    ticket: tickets[i] as Ticket,
    jobCreated: rangeAt(look, i + 1).kvs[0]?.createRevision ?? 0n,
  }));
  const before = rangeAt(look, 0).kvs[0];
  const by = randomHex(context.runtime);
  const there = found.filter(({ jobCreated }) => jobCreated > 0n);
  const txn = await answered(site.context, removalOf(keys, found, there, before, by), signal);
  // Refused, but it was us: an earlier run of the request has done it.
  if (!txn.succeeded && !requestsIn(rangeAt(txn, 0).kvs[0]).includes(by)) return undefined;
  if (state === 'waiting') return there.length;
  for (const { group } of tickets) if (group !== undefined) await moveGroupOn(context, keys, group, signal);
  return there.length;
}

/** All of them or none, counted by one who knows what was counted before. */
function removalOf(
  keys: QueueKeys,
  found: readonly Found[],
  there: readonly Found[],
  before: KeyValue | undefined,
  by: string,
): TxnRequest {
  const purged = `${keys.gone}purged`;
  const { jobs, kib } = jsonObject(before?.value);
  const kibGone = there.reduce((sum, { ticket }) => sum + ticket.kib, 0);
  const sum = {
    jobs: numberOr(jobs, 0) + there.length,
    kib: numberOr(kib, 0) + kibGone,
    by: withRequest(before, by),
  };
  return {
    compare: [
      modifiedAt(purged, before?.modRevision ?? 0n),
      ...found.map(({ kv }) => modifiedAt(kv.key, kv.modRevision)),
      ...found.map(({ ticket, jobCreated }) => createdAt(keys.job(ticket.seq), jobCreated)),
    ],
    success: [
      put(purged, JSON.stringify(sum)),
      ...found.flatMap(({ kv, ticket }) => [remove(kv.key), ...leaveGroup(keys, ticket)]),
      ...there.flatMap(({ ticket }) => removeTraces(keys, ticket)),
    ],
    failure: [get(purged)],
  };
}
