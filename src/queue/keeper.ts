import { abortable, linkSignals } from '../core/abort.js';
import { noBytes, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { Doorbell } from '../line/doorbell.js';
import { exclusive } from '../line/exclusive.js';
import { leave } from '../line/leave.js';
import { Line, lookAgainMs } from '../line/line.js';
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type KeyValue,
  type RequestOp,
  WatchFilter,
} from '../store/messages.js';
import { bytesOf, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { ClaimSite } from './claim.js';
import { comeBack } from './come-back.js';
import { freeKey } from './dedupe.js';
import { Due } from './due.js';
import type { Floors } from './floors.js';
import { comeBackToGroup, leaveGroup, moveGroupOn } from './group.js';
import { below, dueMsAt, type QueueKeys } from './keys.js';
import { scheduleOf } from './schedule.js';
import { tick } from './tick.js';
import { encodeTicket, type TakenTicket, takenOf, ticketOf } from './ticket.js';

/** Jobs that one request moves. */
const perRequest = 16;

/**
 * What one consumer does for all: puts the jobs of dead consumers back, makes delayed ones ready, and adds those of the
 * schedules. Whoever is first
 * in the line `keepers` does it; everything it does is guarded, so that a second one, who takes itself for the first,
 * does no harm. Runs until `signal` aborts, which must be no later than the end of the session.
 */
export async function keepQueue(site: ClaimSite, signal: AbortSignal): Promise<never> {
  const { context, session, keys } = site;
  const line = new Line(context, session, exclusive(keys.keepers));
  // Bounded by `signal`.
  for (;;) {
    const turn = await line.join(noBytes, signal).catch((error: unknown) => {
      if (!ConclaveError.is(error, 'LOST')) throw error;
    });
    if (turn === undefined) continue;
    try {
      await keep(site, signal);
    } finally {
      await leave(context, session, turn);
    }
  }
}

/** All duties at once; ends with `signal`, or when the store refuses. */
async function keep(site: ClaimSite, signal: AbortSignal): Promise<never> {
  const over = new AbortController();
  const either = linkSignals(signal, over.signal);
  const duties = [keepClaims, keepDelays, keepSchedules].map((duty) => duty(site, either.signal));
  try {
    return await Promise.race(duties);
  } finally {
    over.abort(new ConclaveError('CLOSED', 'another duty has failed'));
    await Promise.allSettled(duties);
    either.unlink();
  }
}

/** A round per consumer that leaves, and per `lookAgainMs`. */
async function keepClaims(site: ClaimSite, signal: AbortSignal): Promise<never> {
  const { store, runtime } = site.context;
  const leaves = { ...below(site.keys.slots), filters: [WatchFilter.noPut] };
  for (;;) {
    const bell = new Doorbell(store, runtime, [leaves], lookAgainMs);
    try {
      // The watch comes first: what happens after the look rings.
      await abortable(bell.armed, signal);
      await giveBackOrphans(site, signal);
      await moveVacantGroups(site, signal);
      await abortable(bell.rings(), signal);
    } finally {
      bell.close();
    }
  }
}

/**
 * Moves every delayed job to where it can be claimed when its time has come. When that is was written by its writer's
 * wall clock: it waits no longer than its whole delay after it was seen, however wrong either clock is.
 */
async function keepDelays(site: ClaimSite, signal: AbortSignal): Promise<never> {
  const { store, runtime } = site.context;
  const delays = new Due(site, site.keys.delayed, (kv, seenMs) => {
    const mostMs = (ticketOf(kv).delayMs ?? 0) - (runtime.monotonicMs() - seenMs);
    return Math.min(dueMsAt(kv.key) - runtime.wallMs(), mostMs);
  });
  try {
    for (;;) {
      const due = await abortable(delays.next(perRequest), signal);
      // Two of one group in one txn would find it free both.
      const together = due.filter((kv) => ticketOf(kv).group === undefined);
      const alone = due.filter((kv) => ticketOf(kv).group !== undefined);
      for (const kvs of [together, ...alone.map((kv) => [kv])]) {
        const request = { success: kvs.map((kv) => makeReady(site, kv)) };
        if (kvs.length > 0) await untilAnswered(runtime, signal, () => store.txn(request, { signal }));
      }
    }
  } finally {
    delays.close();
  }
}

/** Adds the job of every schedule's tick when its time has come by this process's wall clock. */
async function keepSchedules(site: ClaimSite, signal: AbortSignal): Promise<never> {
  const { runtime } = site.context;
  const schedules = new Due(site, site.keys.schedules, (kv) => {
    return (scheduleOf(kv)?.nextMs ?? Number.POSITIVE_INFINITY) - runtime.wallMs();
  });
  try {
    for (;;) {
      for (const kv of await abortable(schedules.next(perRequest), signal)) await tick(site, kv, signal);
    }
  } finally {
    schedules.close();
  }
}

function makeReady({ keys, floors }: ClaimSite, kv: KeyValue): RequestOp {
  const { delayMs: _, ...ticket } = ticketOf(kv);
  return {
    type: 'txn',
    request: {
      compare: [modifiedAt(kv.key, kv.modRevision)],
      success: [remove(kv.key), comeBackToGroup(keys, ticket, floors)],
    },
  };
}

/** Puts every job back whose claim is over, though nobody has settled it. */
async function giveBackOrphans({ context, keys, floors }: ClaimSite, signal: AbortSignal): Promise<void> {
  const { store, runtime } = context;
  const look = { success: [all(keys.taken), all(keys.slots)] };
  const txn = await untilAnswered(runtime, signal, () => store.txn(look, { signal }));
  const claims = new Map(rangeAt(txn, 1).kvs.map((kv) => [utf8Text(kv.key), kv.modRevision]));
  const orphans = rangeAt(txn, 0).kvs.flatMap((kv) => {
    const ticket = takenOf(kv);
    const alive = claims.get(ticket.slot) === kv.modRevision;
    return alive ? [] : [giveBack(keys, floors, ticket, kv.modRevision)];
  });
  for (let i = 0; i < orphans.length; i += perRequest) {
    const request = { success: orphans.slice(i, i + perRequest) };
    await untilAnswered(runtime, signal, () => store.txn(request, { signal }));
  }
}

/** Guarded twice: by the claim, and by the slot's being no longer at it. */
function giveBack(keys: QueueKeys, floors: Floors, { slot, ...ticket }: TakenTicket, claimedAt: bigint): RequestOp {
  const taken = keys.takenOf(ticket.seq);
  const isLast = ticket.attempts >= ticket.maxAttempts;
  const dead = encodeTicket({ ...ticket, reason: 'its last consumer was lost' });
  const back = isLast
    ? [put(keys.deadOf(ticket.seq), dead), ...freeKey(keys, ticket), ...leaveGroup(keys, ticket)]
    : [comeBack(keys, ticket, floors)];
  return {
    type: 'txn',
    request: {
      compare: [modifiedAt(taken, claimedAt), changedSince(slot, claimedAt)],
      success: [remove(taken), ...back],
    },
  };
}

/** Those whose job was settled by one who has not come to bring the next one forward. */
async function moveVacantGroups({ context, keys, floors }: ClaimSite, signal: AbortSignal): Promise<void> {
  const { store, runtime } = context;
  const look = { ...below(keys.vacant), keysOnly: true, limit: BigInt(perRequest) };
  // Bounded by the groups: each round moves what it has seen.
  for (;;) {
    const { kvs } = await untilAnswered(runtime, signal, () => store.range(look, { signal }));
    for (const { key } of kvs) {
      const group = decodeURIComponent(utf8Text(key).slice(keys.vacant.length));
      await moveGroupOn(context, keys, group, signal, floors);
    }
    if (kvs.length < perRequest) return;
  }
}

/** Holds unless `key` is as it was at `revision`. */
function changedSince(key: string, revision: bigint): Compare {
  return {
    key: bytesOf(key),
    target: CompareTarget.mod,
    result: CompareResult.notEqual,
    modRevision: revision,
  };
}

function all(prefix: string): RequestOp {
  return { type: 'range', request: below(prefix) };
}
