import { linkSignals, onAbort, pause } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { Health, type HealthOptions, type HealthProbe } from '../core/health.js';
import { isOverfull } from '../store/etcd-errors.js';
import { watchForBetter } from './better.js';
import { type CampaignOptions, campaign } from './campaign.js';
import type { Ground } from './ground.js';
import type { Leadership } from './leadership.js';
import { rankOf } from './rank.js';
import { type Resumable, resume } from './resume.js';

/** Between two campaigns of `run()` when the store could not be asked. */
const outagePauseMs = 500;

/** How to lead again and again. */
export interface RunOptions extends CampaignOptions {
  /**
   * Hands over when a better candidate has come (`priority`, `zone`), not only before the work starts. Default: false.
   */
  readonly preempt?: boolean | undefined;
  /** While it fails this does not stand, and steps down when the work has settled. Default: always fit to lead. */
  readonly health?: HealthProbe | HealthOptions | undefined;
  /** The leadership of an earlier life of this process, to take up first. See `Election.resume`. */
  readonly resume?: Resumable | undefined;
}

export type Work<T> = (leadership: Leadership) => Promise<T> | T;

/** See `Election.run`. */
export async function run<T>(ground: Ground, value: string, work: Work<T>, options: RunOptions): Promise<never> {
  options.signal?.throwIfAborted();
  const health = options.health && new Health(ground.context.runtime, options.health);
  try {
    const earlier = { life: options.resume };
    // Bounded by `signal`.
    for (;;) {
      options.signal?.throwIfAborted();
      const sick = await health?.whenHealthy(options.signal);
      const leadership = await stand(ground, value, options, earlier, sick);
      if (leadership !== undefined) await lead(ground, leadership, work, options, sick);
    }
  } finally {
    health?.stop();
  }
}

/** Undefined: worth another try. */
async function stand(
  ground: Ground,
  value: string,
  options: RunOptions,
  earlier: { life: Resumable | undefined },
  sick: AbortSignal | undefined,
): Promise<Leadership | undefined> {
  const either = linkSignals(options.signal, sick);
  const inTime = { ...options, signal: either.signal };
  try {
    const resumed = earlier.life && (await resume(ground, earlier.life, inTime, true));
    earlier.life = undefined;
    return resumed ?? (await campaign(ground, value, inTime, true));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (sick?.aborted) return undefined;
    const mayPass = ConclaveError.is(error, 'SESSION_LOST', 'LOST', 'UNAVAILABLE') || isOverfull(error);
    if (!mayPass || options.session?.signal.aborted) throw error;
    // The next session asks the store before anything else, and a connection that was closed says so at once.
    if (ConclaveError.is(error, 'SESSION_LOST')) return undefined;
  } finally {
    either.unlink();
  }
  await pause(ground.context.runtime, outagePauseMs, options.signal);
  return undefined;
}

/** One term. */
async function lead<T>(
  ground: Ground,
  won: Leadership,
  work: Work<T>,
  options: RunOptions,
  sick: AbortSignal | undefined,
): Promise<void> {
  const either = linkSignals(options.signal, sick);
  try {
    let leadership: Leadership | undefined = won;
    // Bounded: each further turn is for a successor that has gone before it could lead.
    while (leadership !== undefined) {
      const failure = await workOn(ground, leadership, work, options, either.signal);
      const next = await letGo(leadership);
      if (failure !== undefined || either.signal.aborted) {
        if (next !== undefined) await letGo(next);
        leadership = undefined;
      } else {
        leadership = next;
      }
      if (failure !== undefined) throw failure.error;
    }
  } finally {
    either.unlink();
  }
}

/** Resolves when the work has settled, with what it has thrown of its own accord. */
async function workOn<T>(
  ground: Ground,
  leadership: Leadership,
  work: Work<T>,
  options: RunOptions,
  stop: AbortSignal,
): Promise<{ readonly error: unknown } | undefined> {
  const unlink = onAbort(stop, (reason) => leadership.stop(reason));
  const rank = options.preempt ? (rankOf(options) ?? {}) : undefined;
  const stopWatching = rank === undefined ? () => {} : watchForBetter(ground, leadership, rank);
  try {
    await work(leadership);
    return undefined;
  } catch (error) {
    const told = stop.aborted || ConclaveError.is(leadership.signal.reason, 'HAND_OVER');
    return told || leadership.loss !== undefined ? undefined : { error };
  } finally {
    unlink();
    stopWatching();
  }
}

/** The leadership that goes on, if it was to be handed over to somebody who has gone. */
async function letGo(leadership: Leadership): Promise<Leadership | undefined> {
  try {
    return await leadership.stepDown();
  } catch (error) {
    // Not confirmed in time: it goes on being tried behind us, and the next campaign waits behind the old place.
    if (!ConclaveError.is(error)) throw error;
    return undefined;
  }
}
