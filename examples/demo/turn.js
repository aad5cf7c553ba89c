// One turn at the guarded counter: read it, make a round trip during which anybody could interfere, write it plus one.
import { createdAt, get, put, remove } from 'conclave';

export const counterKey = 'demo/counter';
/** Exists while somebody is inside. Nobody relies on it: it is here to catch two at once. */
const insideKey = 'demo/inside';

/**
 * `held` proves that we have the lock: each txn is guarded by it, reads as well as writes. Without `held` (the planted
 * failure) nothing guards anything. `tell` reports what happened; `inside` is awaited between read and write.
 */
export async function takeTurn(conclave, name, held, tell, inside) {
  const guard = held === undefined ? [] : [held.guard()];
  const leaseId = held?.leaseId ?? conclave.session.leaseId;

  const entered = await conclave
    .txn()
    .if(...guard, createdAt(insideKey, 0n))
    .then(put(insideKey, name, { leaseId }))
    .else(get(insideKey))
    .commit();
  const other = entered.succeeded ? undefined : entered.responses[0].response.kvs[0];
  if (other !== undefined) tell({ type: 'overlap', with: text(other) });

  const before = Number(text(await conclave.get(counterKey)) || '0');
  await inside();
  await conclave.get('demo/something-else');

  const written = await conclave
    .txn()
    .if(...guard)
    .then(put(counterKey, String(before + 1)), remove(insideKey))
    .commit();
  if (written.succeeded) tell({ type: 'turn', value: before + 1, fence: held?.fence });
  else tell({ type: 'refused', fence: held?.fence });
}

export function text(kv) {
  return kv === null ? '' : Buffer.from(kv.value).toString();
}
