import { utf8Text } from '../core/bytes.js';
import { onLease } from '../lease/own-key.js';
import type { Session, SessionContext } from '../lease/session.js';
import type { KeyValue } from '../store/messages.js';
import { get, rangeAt, rangesFrom } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { claimTxn, frontIn, slotsIn, wonIn } from './claim-txn.js';
import type { Floors } from './floors.js';
import { below, type QueueKeys } from './keys.js';
import type { QueueSettings } from './options.js';
import { type Slot, slotState } from './slot.js';
import { perAnswer, type Ticket, takenOf, ticketOf } from './ticket.js';

/** The first ready jobs: all that there were up to the last of them, as of one revision. */
export interface Front {
  readonly jobs: readonly KeyValue[];
  readonly asOf: bigint;
  /** The only one is known from an event, which tells nothing of others: nobody has looked. */
  readonly isHeard?: boolean;
}

/** A job that is ours now. */
export interface Claim {
  /** With this attempt counted. */
  readonly ticket: Ticket;
  /** The revision of the claim: higher than that of every earlier one. */
  readonly fence: bigint;
  readonly job: KeyValue | undefined;
  /** How far an earlier attempt came, if it said so. */
  readonly progress: KeyValue | undefined;
}

/** A claim, and whose it is. */
export interface Grip {
  readonly slot: Slot;
  readonly claim: Claim;
}

/** Where a claim is made. */
export interface ClaimSite {
  readonly context: SessionContext;
  readonly session: Session;
  readonly keys: QueueKeys;
  readonly settings: QueueSettings;
  readonly floors: Floors;
}

/** What came of one request. */
export interface Round {
  /** In the order of the jobs. */
  readonly grips: readonly Grip[];
  /** Slots that have got nothing yet. */
  readonly open: readonly Slot[];
  readonly front: Front;
  /** Whether the first of those that were seen was got. */
  readonly gotFirst: boolean;
  /** Whether the place in the idle line is gone. */
  readonly hasLeft: boolean;
}

/** The first `count` jobs that are ready. */
export async function readFront({ context, session, keys, floors }: ClaimSite, count: number): Promise<Front> {
  const { store, runtime } = context;
  floors.forget(runtime.monotonicMs());
  const spans = floors.spans(utf8Text(below(keys.ready).rangeEnd));
  const success = spans.map((span) => ({ type: 'range', request: { ...span, limit: BigInt(count) } }) as const);
  const txn = await untilAnswered(runtime, session.signal, () => store.txn({ success }));
  const jobs = rangesFrom(txn, 0).flatMap(({ kvs }) => kvs);
  return { jobs: jobs.slice(0, count), asOf: txn.header.revision };
}

/** Whether there is a job, and the queue is not paused. */
export function isClaimable({ jobs: [first] }: Front): boolean {
  return first !== undefined && !utf8Text(first.key).endsWith('!');
}

/**
 * Claims the first ready jobs, one for each of the slots, whoever else claims meanwhile: one request, which looks at
 * `more` jobs than that. `idle` is a place in the idle line that goes with the first claim.
 * @throws ConclaveError `SESSION_LOST`.
 */
export async function claimRound(
  site: ClaimSite,
  slots: readonly Slot[],
  { jobs, asOf, isHeard = false }: Front,
  more: number,
  idle: string | undefined,
): Promise<Round> {
  const { context, session, floors } = site;
  const seen = { jobs: jobs.slice(0, slots.length + more), asOf, isHeard };
  const asked = slots.slice(0, Math.min(seen.jobs.length, perAnswer(seen.jobs.map(ticketOf))));
  const request = claimTxn(site, asked, seen, slots.length + more, idle);
  const txn = await onLease(session, () =>
    untilAnswered(context.runtime, session.signal, () => context.store.txn(request)),
  );
  const won = wonIn(txn, asked, seen.jobs);
  const last = won.at(-1);
  if (last !== undefined) floors.learn(seen.jobs[last.index] as KeyValue);
  const fence = txn.header.revision;
  const grips = won.map(({ slot, ticket, job, progress }) => {
    slot.revision = fence;
    return { slot, claim: { ticket: { ...ticket, attempts: ticket.attempts + 1 }, fence, job, progress } };
  });
  const found = slotsIn(txn, asked);
  const moved = asked.flatMap((slot, i) =>
    found.length === 0 || found[i]?.modRevision === slot.revision ? [] : [{ slot, found: found[i] }],
  );
  const before = await claimedBefore(site, moved);
  const used = new Set([...grips, ...moved].map(({ slot }) => slot));
  return {
    grips: [...grips, ...before],
    open: slots.filter((slot) => !used.has(slot)),
    front: frontIn(txn),
    gotFirst: won[0]?.index === 0,
    hasLeft: won.length > 0,
  };
}

/** Slots that have moved: an earlier run of the request has claimed for them, or somebody has deleted them. */
async function claimedBefore(
  { context, session, keys }: ClaimSite,
  moved: readonly { readonly slot: Slot; readonly found: KeyValue | undefined }[],
): Promise<readonly Grip[]> {
  const claimed = moved.flatMap(({ slot, found }) => {
    const seq = slotState(found).job;
    return found === undefined || seq === undefined ? [] : [{ slot, seq, fence: found.modRevision }];
  });
  if (claimed.length < moved.length) {
    await session.verify();
    session.signal.throwIfAborted();
  }
  if (claimed.length === 0) return [];
  const success = claimed.flatMap(({ seq }) => [get(keys.takenOf(seq)), get(keys.job(seq)), get(keys.progressOf(seq))]);
  const txn = await untilAnswered(context.runtime, session.signal, () => context.store.txn({ success }));
  return claimed.map(({ slot, seq, fence }, i) => {
    slot.revision = fence;
    const [taken, job, progress] = [0, 1, 2].map((k) => rangeAt(txn, 3 * i + k).kvs[0]);
    const lost = { seq, priority: 0, attempts: 1, maxAttempts: 1, kib: 1 };
    return { slot, claim: { ticket: taken === undefined ? lost : takenOf(taken), fence, job, progress } };
  });
}
