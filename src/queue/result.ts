import { abortable } from '../core/abort.js';
import { randomHex } from '../core/runtime.js';
import { grantLease } from '../lease/grant.js';
import { Doorbell } from '../line/doorbell.js';
import { lookAgainMs } from '../line/line.js';
import { deletionOf } from '../line/rule.js';
import { WatchFilter } from '../store/messages.js';
import { bytesOf, get, rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { AdminSite } from './admin.js';
import type { ClaimSite } from './claim.js';
import { jsonObject, jsonOf } from './json.js';
import type { KeptResult } from './settle.js';
import { ticketOf } from './ticket.js';

/** How a job ended. */
export type JobOutcome<R = unknown> =
  | { readonly state: 'done'; readonly result: R }
  | { readonly state: 'dead'; readonly reason: string | undefined }
  /** Cancelled, or never there, or done without a result that is still kept. */
  | { readonly state: 'gone' };

/** As JSON; `undefined` is kept as well. @throws ConclaveError `INVALID_ARGUMENT` for what is no JSON, or too large. */
export function encodeResult(result: unknown, limitKib: number): string {
  return result === undefined ? '{}' : `{"result":${jsonOf(result, 'a result', limitKib)}}`;
}

/** A lease of its own, so that it goes by itself. One whose grant was answered too late does, too. */
export async function keepFor({ context, session }: ClaimSite, ms: number, json: string): Promise<KeptResult> {
  const leaseId = BigInt(`0x${randomHex(context.runtime).slice(0, 15)}`) | 1n;
  await grantLease(context, leaseId, BigInt(Math.ceil(ms / 1000)), session.signal);
  return { json, leaseId };
}

/** The lease of a result that is not kept after all. If that is not heard it goes by itself. */
export function forget({ context, session }: ClaimSite, { leaseId }: KeptResult): void {
  const { store, runtime } = context;
  untilAnswered(runtime, session.signal, () => store.leaseRevoke({ id: leaseId })).catch(() => {});
}

/** Waits until the job is done, dead or gone. */
export async function outcomeOf<R>(
  { context, keys }: AdminSite,
  seq: number,
  signal: AbortSignal,
): Promise<JobOutcome<R>> {
  const { store, runtime } = context;
  const bells = [
    deletionOf(bytesOf(keys.job(seq))),
    { key: bytesOf(keys.deadOf(seq)), filters: [WatchFilter.noDelete] },
  ];
  const look = { success: [get(keys.resultOf(seq)), get(keys.deadOf(seq)), get(keys.job(seq))] };
  // Bounded by `signal`.
  for (;;) {
    const bell = new Doorbell(store, runtime, bells, lookAgainMs);
    try {
      // The watch comes first: what happens after the look rings.
      await abortable(bell.armed, signal);
      const txn = await untilAnswered(runtime, signal, () => store.txn(look, { signal }));
      const [result, dead, job] = [0, 1, 2].map((i) => rangeAt(txn, i).kvs[0]);
      if (result !== undefined) return { state: 'done', result: jsonObject(result.value).result as R };
      if (job === undefined) return { state: 'gone' };
      if (dead !== undefined) return { state: 'dead', reason: ticketOf(dead).reason };
      await abortable(bell.rings(), signal);
    } finally {
      bell.close();
    }
  }
}
