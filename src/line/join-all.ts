import { abortable, linkSignals } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session, SessionContext } from '../lease/session.js';
import type { RangeResponse, TxnRequest } from '../store/messages.js';
import { get, put, rangeAt, rangesFrom } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { Wish } from './acquire.js';
import type { RecipeContext } from './context.js';
import { busyReads, isBusy, termsOf } from './enter.js';
import type { Hold } from './hold.js';
import { farewell, keepOrLeave } from './keep-or-leave.js';
import { leaveAll, sweep, sweepLate } from './leave.js';
import { type HeldTurn, Line, type Turn } from './line.js';
import { newPlaceKey } from './place.js';
import { noneIn } from './rule.js';

/** As many operations as etcd allows in one txn by default (`--max-txn-ops`). */
export const txnOperationsMax = 128;

/** Who asks, on which lease, and what the places tell of it. */
export interface Asker {
  readonly context: RecipeContext;
  readonly session: Session;
  readonly value: Bytes;
  /** Called when the store has answered a wish for a place. */
  entered(): void;
}

/**
 * A place in each line if all of them have their turn at once: one txn makes all or none. `busy`: one of them is
 * certainly not free; undefined: not all are free, as far as the txn can tell. Nothing is left then. Throws as
 * `Line.join`.
 */
export async function joinAllIfFree(
  { context, session, value, entered }: Asker,
  wishes: readonly Wish<Hold>[],
  signal: AbortSignal,
): Promise<readonly Hold[] | 'busy' | undefined> {
  const { store } = context;
  const places = wishes.map(({ rule: { stands, tail } }) => {
    const nonce = session.nonces.take(stands);
    return { ...newPlaceKey(nonce.text, stands, session.leaseId, tail), nonce };
  });
  const none = <T>(answer: T): T => {
    for (const { nonce } of places) nonce.free();
    return answer;
  };
  const txn = allOrNone(session, wishes, places, value);
  if (txn.compare.length > txnOperationsMax) return none(undefined);
  const acquisition = {
    attempt: async () => {
      const answer = await store.txn(txn);
      // One txn makes all of them: the first tells whether an earlier try did.
      const fence = answer.succeeded ? answer.header.revision : rangeAt(answer, 0).kvs[0]?.createRevision;
      if (fence !== undefined) return fence;
      return anyBusy(wishes, rangesFrom(answer, 1)) ? 'busy' : undefined;
    },
    proceed: async (fence: bigint | 'busy' | undefined) => {
      entered();
      return typeof fence !== 'bigint'
        ? fence
        : places.map(({ key, nonce }): HeldTurn => ({ key, fence, nonce, value }));
    },
    sweep: (answered: Promise<unknown>, doubtful: () => boolean) =>
      Promise.all(places.map((place) => sweep(context, session, place, answered, doubtful))),
    sweepLate: (turns: readonly HeldTurn[] | 'busy' | undefined) => {
      const kept = typeof turns === 'object' ? (turns[0]?.fence ?? 0n) : 0n;
      for (const place of places) void sweepLate(context, session, place, kept);
    },
  };
  const turns = await keepOrLeave(context, session, acquisition, signal);
  if (typeof turns !== 'object') return none(turns);
  return turns.map((turn, i) => (wishes[i] as Wish<Hold>).make(context, session, turn));
}

/** @throws what the agreements of the lines say. */
function anyBusy(wishes: readonly Wish<Hold>[], answers: readonly RangeResponse[]): boolean {
  let from = 0;
  const busy = wishes.map(({ rule }) => {
    const to = from + busyReads(rule).length;
    const its = answers.slice(from, to);
    from = to;
    return isBusy(rule, its);
  });
  return busy.includes(true);
}

function allOrNone(
  { leaseId }: Session,
  wishes: readonly Wish<Hold>[],
  places: readonly ReturnType<typeof newPlaceKey>[],
  value: Bytes,
) {
  const [first] = places;
  if (first === undefined) throw new ConclaveError('INVALID_ARGUMENT', 'no names');
  const free = wishes.flatMap(({ rule }) => [...termsOf(rule.agreement, true), ...rule.free]);
  // What an earlier try made stands in the way of this one, unless all are readers.
  const own = wishes.every(({ rule }) => rule.kind === 'shared') ? [noneIn(first.stem)] : [];
  const reads = wishes.flatMap(({ rule }) => busyReads(rule));
  return {
    compare: [...own, ...free],
    success: places.map(({ key }) => put(key, value, { leaseId })),
    failure: [get(first.stem.key, first.stem), ...(reads.length < txnOperationsMax ? reads : [])],
  } satisfies TxnRequest;
}

/**
 * Waits for one place after the other, keeping what it has got. Nobody waits in a circle if all callers have the same
 * order. Whatever fails lets go of all; a place that is lost while others are waited for fails.
 */
export async function joinInOrder(
  asker: Asker,
  wishes: readonly Wish<Hold>[],
  signal: AbortSignal,
): Promise<readonly Hold[]> {
  return (await oneByOne(asker, wishes, signal, (line, either) => line.join(asker.value, either))) ?? [];
}

/** As `joinInOrder`, and undefined, with nothing left, as soon as one of them is not free. */
export function tryInOrder(
  asker: Asker,
  wishes: readonly Wish<Hold>[],
  signal: AbortSignal,
): Promise<readonly Hold[] | undefined> {
  return oneByOne(asker, wishes, signal, (line, either) => line.joinIfFree(asker.value, either));
}

/** Undefined, with nothing left, as soon as `join` says so. */
async function oneByOne(
  asker: Asker,
  wishes: readonly Wish<Hold>[],
  signal: AbortSignal,
  join: (line: Line, signal: AbortSignal) => Promise<Turn | undefined>,
): Promise<readonly Hold[] | undefined> {
  const { context, session, value, entered } = asker;
  const got: Hold[] = [];
  const lost = new AbortController();
  const either = linkSignals(signal, lost.signal);
  try {
    for (const wish of wishes) {
      const turn = await join(new Line(context, session, wish.rule, entered), either.signal);
      if (turn === undefined) {
        await abortable(letGo(context, session, got), either.signal);
        return undefined;
      }
      const hold = wish.make(context, session, { ...turn, value });
      hold.onLost((error) => lost.abort(error));
      got.push(hold);
    }
    await proveAll(asker, got, either.signal);
    return got;
  } catch (error) {
    await farewell(context, letGo(context, session, got));
    throw error;
  } finally {
    either.unlink();
  }
}

/** What was got first may have gone while the last was waited for, and nobody has been told yet. */
async function proveAll({ context, session }: Asker, got: readonly Hold[], signal: AbortSignal): Promise<void> {
  if (got.length < 2) return;
  const txn = { compare: got.map((hold) => hold.guard()) };
  const proof = untilAnswered(context.runtime, signal, () => context.store.txn(txn));
  if ((await abortable(proof, signal)).succeeded) return;
  await session.verify();
  signal.throwIfAborted();
  const message = 'a lock that had been got already was deleted while the others were waited for';
  throw new ConclaveError('LOST', message, { loss: 'key-deleted' });
}

/** Ends them all here and takes their places away. */
function letGo(context: SessionContext, session: Session, holds: readonly Hold[]): Promise<void> {
  for (const hold of holds) hold.end(new ConclaveError('RELEASED', `${hold.name}: released`));
  return leaveAll(
    context,
    session,
    holds.map(({ place }) => place),
  );
}
