import { type AnySignal, abortable, linkCall, pause } from '../core/abort.js';
import { Cancellation } from '../core/cancellation.js';
import { ConclaveError } from '../core/errors.js';
import type { Footing } from '../lease/footing.js';
import type { SessionContext } from '../lease/session.js';
import { untilAnswered } from '../store/repeat.js';

/** How long a failed call waits for its place to be gone before it rejects anyway; the clean-up goes on behind it. */
export const farewellMs = 1000;

/** An acquisition: what is sent, what comes after its answer, and how to take away whatever of it may stay. */
export interface Acquisition<E, T> {
  /** Safe to run twice. `again`: an earlier try was not answered. */
  attempt(again: boolean): Promise<E>;
  /** `signal` ends with the caller's and with the session. */
  proceed(entry: E, signal: AnySignal): Promise<T>;
  /** Takes away what was made. `entered` is the answer to come; `doubtful`: whether a try was never answered. */
  sweep(entered: Promise<E>, doubtful: () => boolean): Promise<unknown>;
  /** It went well, with `kept`, but a try was never answered, and may be applied yet. */
  sweepLate(kept: T): void;
}

/**
 * Sends the attempt until it is answered, then runs `proceed`; if anything fails from the first send on, takes away
 * what was made. A try that was never answered may be applied yet, when a later one has long been: what it makes then
 * is taken away as well.
 */
export async function keepOrLeave<E, T>(
  context: SessionContext,
  footing: Footing,
  acquisition: Acquisition<E, T>,
  signal: AbortSignal,
): Promise<T> {
  const either = linkCall(signal, footing.signal);
  let doubtful = false;
  const doubt = () => {
    doubtful = true;
  };
  const entered = untilAnswered(context.runtime, either.signal, () => acquisition.attempt(doubtful), doubt);
  try {
    const entry = await abortable(entered, either.signal);
    const turn = await acquisition.proceed(entry, either.signal);
    either.signal.throwIfAborted();
    footing.assertAlive();
    if (doubtful) acquisition.sweepLate(turn);
    return turn;
  } catch (error) {
    await farewell(
      context,
      acquisition.sweep(entered, () => doubtful),
    );
    throw await explain(footing, error, either.signal);
  } finally {
    either.unlink();
  }
}

/** Waits for `gone` a moment, so that the caller usually finds nothing left, but never long. */
export async function farewell({ runtime }: SessionContext, gone: Promise<unknown>): Promise<void> {
  const enough = new Cancellation();
  await Promise.race([gone, pause(runtime, farewellMs, enough).catch(() => {})]);
  enough.abort(undefined);
}

/** Tells a lost lease from a deleted key: the one ends everything on the session, the other only this place. */
async function explain(footing: Footing, error: unknown, signal: AnySignal): Promise<unknown> {
  if (ConclaveError.is(error, 'LEASE_NOT_FOUND')) footing.leaseGone();
  else if (ConclaveError.is(error, 'LOST')) await footing.verify();
  return signal.aborted ? signal.reason : error;
}
