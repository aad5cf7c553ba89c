import { abortable, linkSignals, pause, withDeadline } from '../core/abort.js';
import { type Bytes, sameBytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { assertObject } from '../core/given.js';
import type { Session } from '../lease/session.js';
import type { AcquireOptions } from '../line/context.js';
import { below, eldersIn, newestIn } from '../line/rule.js';
import type { KeyValue } from '../store/messages.js';
import { createdAt, get, hangsOn, rangeAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { type Ground, whatOf } from './ground.js';
import { Leadership } from './leadership.js';

/**
 * What a process must have kept of its leadership to resume it; JSON has no bigint, so decimal text will do as well.
 */
export interface Resumable {
  readonly key: string;
  readonly term: bigint | string;
  readonly leaseId: bigint | string;
}

/** A place to be taken over from the lease that it hangs on. */
interface Claim {
  readonly key: Bytes;
  readonly term: bigint;
  readonly formerLease: bigint;
}

/** A claim of unknown fate may be applied late: that many looks, a third of a TTL apart, see that nothing stays. */
const lateLooks = 30;

/** See `Election.resume`. */
export async function resume(
  ground: Ground,
  saved: Resumable,
  options: AcquireOptions,
  managed: boolean,
): Promise<Leadership | null> {
  const claim = claimOf(ground, saved);
  return withDeadline(ground.context.runtime, whatOf(ground), options, async (signal) => {
    const session = options.session ?? ground.context.sessions.current;
    await session.open({ signal });
    const either = linkSignals(signal, session.signal);
    const sent = { doubtful: false };
    try {
      const place = await abortable(take(ground, session, claim, sent, either.signal), either.signal);
      session.assertAlive();
      if (place === undefined) return null;
      const turn = { key: claim.key, fence: claim.term, asOf: place.valueRevision };
      return new Leadership(ground, session, turn, { managed, valueRevision: place.valueRevision });
    } catch (error) {
      if (ConclaveError.is(error, 'LEASE_NOT_FOUND')) session.leaseGone();
      void giveUp(ground, session, claim, sent.doubtful);
      throw either.signal.aborted ? either.signal.reason : error;
    } finally {
      either.unlink();
    }
  });
}

function claimOf({ prefix }: Ground, saved: Resumable): Claim {
  assertObject('what is to be resumed', saved);
  const { key, term, leaseId } = saved;
  const claim = { key: utf8(String(key)), term: int64(term), formerLease: int64(leaseId) };
  if (claim.key.length > prefix.length && sameBytes(claim.key.subarray(0, prefix.length), prefix)) return claim;
  throw new ConclaveError('INVALID_ARGUMENT', `${JSON.stringify(key)} is no key of this election`);
}

function int64(value: bigint | string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'string' && /^\d{1,19}$/.test(value)) return BigInt(value);
  throw new ConclaveError('INVALID_ARGUMENT', `term and lease id must be whole numbers, got ${JSON.stringify(value)}`);
}

/**
 * Hangs the place on the lease of `session`, if it still hangs on its former one: of two who resume the same, one can.
 * Undefined: it is gone, or somebody else's. A claim whose answer was lost is sent again, a proxy may do so unasked,
 * and the second run finds the place on our lease already.
 */
async function take(
  { context, prefix }: Ground,
  { leaseId }: Session,
  { key, term, formerLease }: Claim,
  sent: { doubtful: boolean },
  signal: AbortSignal,
): Promise<{ readonly valueRevision: bigint } | undefined> {
  const elders = newestIn(below(prefix), { before: term, whole: true });
  const request = {
    compare: [createdAt(key, term), hangsOn(key, formerLease)],
    success: [{ type: 'put', request: { key, ignoreValue: true, lease: leaseId } }, elders],
    failure: [get(key), elders],
  } as const;
  const doubt = () => {
    sent.doubtful = true;
  };
  const txn = await untilAnswered(context.runtime, signal, () => context.store.txn(request), doubt);
  const found = txn.succeeded ? undefined : rangeAt(txn, 0).kvs[0];
  if (!txn.succeeded && !isOurs(found, term, leaseId)) return undefined;
  if (eldersIn(rangeAt(txn, 1), prefix, term).length > 0) {
    throw new ConclaveError('FAILED_PRECONDITION', `${utf8Text(key)} is a candidate that does not lead yet`);
  }
  return { valueRevision: found?.modRevision ?? txn.header.revision };
}

function isOurs(place: KeyValue | undefined, term: bigint, leaseId: bigint): boolean {
  return place?.createRevision === term && place.lease === leaseId;
}

/** Takes the place away if the claim was made after all: nobody holds it. Never rejects. */
async function giveUp({ context }: Ground, session: Session, claim: Claim, doubtful: boolean): Promise<void> {
  const { key, term } = claim;
  const txn = { compare: [createdAt(key, term), hangsOn(key, session.leaseId)], success: [remove(key)] };
  for (let i = 0; i < (doubtful ? lateLooks : 1) && !session.signal.aborted; i++) {
    if (i > 0) await pause(context.runtime, session.ttlMs / 3, session.signal).catch(() => {});
    await untilAnswered(context.runtime, session.signal, () => context.store.txn(txn)).catch(() => {});
  }
}
