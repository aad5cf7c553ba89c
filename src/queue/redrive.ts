import { ConclaveError } from '../core/errors.js';
import { get, modifiedAt, rangeAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { type AdminSite, answered } from './admin.js';
import { keptIn, takeKey } from './dedupe.js';
import { comeBackToGroup } from './group.js';
import { ticketOf } from './ticket.js';

/**
 * Hands a dead letter out again, with all its attempts; false: there is none of that number.
 * @throws ConclaveError `CONFLICT` while another job has its dedupe key.
 */
export async function redriveJob({ context, keys }: AdminSite, seq: number, signal: AbortSignal): Promise<boolean> {
  let isDoubtful = false;
  const doubt = () => {
    isDoubtful = true;
  };
  // Bounded by `signal`: each further round means that somebody has changed the dead letter, or whose the key is.
  for (let revision: bigint | undefined; ; ) {
    const found = rangeAt(await answered(context, { success: [get(keys.deadOf(seq))] }, signal), 0).kvs[0];
    // An earlier run of the request, of which nobody heard, has come through.
    if (isDoubtful && found?.modRevision !== revision) return true;
    if (found === undefined) return false;
    revision = found.modRevision;
    const ticket = { ...ticketOf(found), attempts: 0 };
    const { dedupe } = ticket;
    const isDead = modifiedAt(found.key, revision);
    const back = [remove(found.key), comeBackToGroup(keys, ticket)];
    const request =
      dedupe === undefined
        ? { compare: [isDead], success: back }
        : {
            compare: [isDead, await freeFor({ context, keys }, { seq, dedupe }, signal)],
            success: [...back, takeKey(keys, { seq, dedupe })],
          };
    const { store, runtime } = context;
    const txn = await untilAnswered(runtime, signal, () => store.txn(request, { signal }), doubt);
    if (txn.succeeded) return true;
  }
}

/** That nobody else has the key. @throws ConclaveError `CONFLICT`. */
async function freeFor(
  { context, keys }: AdminSite,
  { seq, dedupe }: { readonly seq: number; readonly dedupe: string },
  signal: AbortSignal,
) {
  const key = keys.dedupeOf(dedupe);
  const { kvs } = rangeAt(await answered(context, { success: [get(key)] }, signal), 0);
  const other = keptIn(kvs).get(dedupe);
  if (other === undefined || other === seq) return modifiedAt(key, kvs[0]?.modRevision ?? 0n);
  throw new ConclaveError('CONFLICT', `job ${other} is in the queue, of the same dedupe key as dead letter ${seq}`);
}
