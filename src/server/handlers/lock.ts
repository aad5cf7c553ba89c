import { noBytes } from '../../core/bytes.js';
import type { HeaderOnly } from '../../wire/codec/common.js';
import type { LockRequest, LockResponse, UnlockRequest } from '../../wire/codec/lock.js';
import { lockMethods } from '../../wire/concurrency-methods.js';
import type { UnaryHandler } from '../../wire/rpc-service.js';
import { answering, texts } from '../concurrency/client-error.js';
import type { Places } from '../concurrency/places.js';

/** `v3lockpb.Lock`. */
export function lockHandlers(places: Places): UnaryHandler<unknown, unknown>[] {
  return [lockHandler(places), unlockHandler(places)];
}

function lockHandler(places: Places): UnaryHandler<LockRequest, LockResponse> {
  return {
    method: lockMethods.lock,
    handle: ({ name = noBytes, lease = 0n }, caller) =>
      answering(texts.lockLost, async () => {
        const { turn } = await places.take({ name, lease, value: noBytes }, caller);
        return { header: turn.admitted, key: turn.key };
      }),
  };
}

/** As in etcd any key may be given, and one that is not there is fine. */
function unlockHandler(places: Places): UnaryHandler<UnlockRequest, HeaderOnly> {
  return {
    method: lockMethods.unlock,
    handle: ({ key = noBytes }, caller) =>
      answering(texts.lockLost, async () => ({ header: await places.clear(key, caller) })),
  };
}
