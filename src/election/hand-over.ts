import { utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError, type Outcome } from '../core/errors.js';
import type { SessionContext } from '../lease/session.js';
import type { Turn } from '../line/line.js';
import { moveToEnd } from '../line/move.js';
import { originOf, type Place, placeName } from '../line/place.js';
import { placesOf } from '../line/sight.js';
import { createdAt, get, rangeAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { type Ground, whatOf } from './ground.js';
import type { Leader } from './leader.js';

/** A candidate as `candidates()` shows it, or the value with which it stands: the first in line with that. */
export type Candidate = string | Pick<Leader, 'key' | 'term'>;

/**
 * Makes `candidate` the next in line after the leader `own`: sends whoever stands between to the end of the line, one
 * after the other, so that their order stays. Whoever comes later comes behind, so that this stays true once it is.
 * @throws ConclaveError `LOST` when `own` does not lead, `NOT_FOUND` when no such candidate stands,
 * `FAILED_PRECONDITION` when it has not kept its lease alive lately, or one of Go or etcdctl stands between: that would
 * not find its place again.
 */
export async function bringNext(ground: Ground, own: Turn, candidate: Candidate, signal: AbortSignal): Promise<Place> {
  const { context, prefix } = ground;
  let heard = false;
  // Bounded: each turn finds fewer between, or one of them has changed.
  for (;;) {
    const read = () => placesOf(context.store, prefix, { signal });
    const [first, ...others] = await untilAnswered(context.runtime, signal, read);
    if (first?.createRevision !== own.fence) throw new ConclaveError('LOST', `${whatOf(ground)}: not the leader`);
    const at = others.findIndex((place) => isCandidate(ground, place, candidate));
    const successor = others[at];
    if (successor === undefined) throw notStanding(ground, candidate);
    heard ||= successor.lease === first.lease || (await isHeardOf(ground, successor, signal));
    if (!heard) throw refused(ground, `${shown(candidate)} has not been heard of for half of its time to live`);
    if (at === 0) return successor;
    const between = others.slice(0, at);
    const foreign = between.find(({ key }) => placeName(prefix, key) === undefined);
    if (foreign) throw refused(ground, `${utf8Text(foreign.key)} stands between and cannot be moved`);
    for (const place of between) await moveToEnd(context, prefix, place, createdAt(own.key, own.fence), signal);
  }
}

/**
 * What became of an attempt to let go. `kept`: the place is still there, because the successor has gone. `gone`: both
 * are gone, and nobody can tell whether the successor has led in between.
 */
export type Parting = 'handed-over' | 'gone' | 'kept';

/**
 * Takes the leader's place away if the successor, who is next, still stands. Sent again until the store has answered.
 * A place that is gone already is gone by an earlier run of the same request, which a proxy may repeat, too; or its
 * lease has ended, or somebody has taken it away. A successor that still stands was next all the same.
 */
export async function leaveTo(
  { store, runtime }: SessionContext,
  { key, fence, nonce }: Turn,
  successor: Place,
  signal: AbortSignal,
): Promise<Parting> {
  const request = {
    compare: [createdAt(key, fence), createdAt(successor.key, successor.createRevision)],
    success: [remove(key)],
    failure: [get(key), get(successor.key)],
  };
  const txn = await untilAnswered(runtime, signal, () => store.txn(request));
  if (!txn.succeeded && rangeAt(txn, 0).kvs[0]?.createRevision === fence) return 'kept';
  nonce?.free();
  if (txn.succeeded) return 'handed-over';
  return rangeAt(txn, 1).kvs[0]?.createRevision === successor.createRevision ? 'handed-over' : 'gone';
}

/** For whoever only wished to hand over: it leads on. */
export function isNoHandOver(error: unknown): error is ConclaveError {
  return ConclaveError.is(error, 'NOT_FOUND', 'FAILED_PRECONDITION');
}

export function notStanding(ground: Ground, candidate: Candidate, outcome: Outcome = 'not-applied'): ConclaveError {
  const message = `${whatOf(ground)}: ${shown(candidate)} does not stand behind the leader`;
  return new ConclaveError('NOT_FOUND', message, { outcome });
}

/** One of ours may have been moved since it was seen: its key and term are others by now. */
function isCandidate({ prefix }: Ground, place: Place, candidate: Candidate): boolean {
  if (typeof candidate === 'string') return utf8Text(place.value) === candidate;
  const wanted = originOf(prefix, { key: utf8(candidate.key), createRevision: candidate.term });
  if (wanted !== undefined) return originOf(prefix, place) === wanted;
  return utf8Text(place.key) === candidate.key && place.createRevision === candidate.term;
}

/**
 * Whether its lease was kept alive lately: heartbeats come every third of the TTL, here as in Go. Leadership handed to
 * a process that is gone would be nobody's until its lease ends.
 */
async function isHeardOf({ context }: Ground, { lease }: Place, signal: AbortSignal): Promise<boolean> {
  const ask = () => context.store.leaseTimeToLive({ id: lease }, { signal });
  const { ttl, grantedTtl } = await untilAnswered(context.runtime, signal, ask);
  // Whole seconds, rounded down: there may be one more.
  return (ttl + 1n) * 2n > grantedTtl && ttl >= 0n;
}

function refused(ground: Ground, why: string): ConclaveError {
  return new ConclaveError('FAILED_PRECONDITION', `${whatOf(ground)}: not handed over: ${why}`);
}

function shown(candidate: Candidate): string {
  return typeof candidate === 'string' ? JSON.stringify(candidate) : candidate.key;
}
