import { randomHex } from '../core/runtime.js';
import { get, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { type AdminSite, answered } from './admin.js';
import { requestsIn, said } from './requests.js';

/**
 * Pauses the queue, or resumes it: a key in front of every ready job says so, and nobody can claim past it. Guarded by
 * who said so before, whose word stays when the mark is gone: a request that comes late finds that somebody has spoken
 * after it was sent, and does nothing.
 */
export async function setPaused({ context, keys }: AdminSite, paused: boolean, signal: AbortSignal): Promise<void> {
  const by = randomHex(context.runtime);
  const read = { success: [get(keys.switch)] };
  let found = rangeAt(await answered(context, read, signal), 0).kvs[0];
  // Bounded by `signal`: each further round means that somebody else has spoken meanwhile. Refused because an earlier
  // run of it has come through, it is done, whatever others have said since.
  while (!requestsIn(found).includes(by)) {
    const request = {
      compare: [modifiedAt(keys.switch, found?.modRevision ?? 0n)],
      success: [put(keys.switch, said(found, by, { paused })), paused ? put(keys.paused, '') : remove(keys.paused)],
      failure: [get(keys.switch)],
    };
    const txn = await answered(context, request, signal);
    if (txn.succeeded) return;
    found = rangeAt(txn, 0).kvs[0];
  }
}
