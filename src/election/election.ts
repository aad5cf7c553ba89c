import type { WaitOptions } from '../core/abort.js';
import { assertFunction } from '../core/given.js';
import { type AcquireOptions, linePrefix, type RecipeContext } from '../line/context.js';
import { firstPlace, placesOf } from '../line/sight.js';
import { type CampaignOptions, campaign } from './campaign.js';
import { electionRoot } from './elections.js';
import type { Ground } from './ground.js';
import { type Leader, leaderOf } from './leader.js';
import { Observers } from './leader-watch.js';
import type { Leadership } from './leadership.js';
import { observeLeader } from './observe.js';
import { type Resumable, resume } from './resume.js';
import { type RunOptions, run, type Work } from './run.js';

/** One election by name. README.md beside this file says what it promises. */
export class Election {
  readonly name: string;
  readonly #ground: Ground;
  readonly #observers: Observers;

  /**
   * `observers`: of the whole connection, which then has one watch for all who observe this election.
   * @throws ConclaveError `INVALID_NAME` for an empty name.
   */
  constructor(context: RecipeContext, name: string, observers = new Observers(context)) {
    this.name = name;
    this.#observers = observers;
    this.#ground = { context, name, prefix: linePrefix(context, electionRoot, name) };
  }

  /**
   * Stands for election with `value` and waits until it leads. An abort or timeout leaves nothing behind. With a
   * `priority`, `zone` or `preferZone` it hands over to a better candidate that stands behind it when its turn comes,
   * and stands again.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `SESSION_LOST`, `LOST` (the candidate's key was deleted),
   * `UNAVAILABLE` when the store could not be asked for a whole TTL, `INVALID_ARGUMENT`.
   */
  async campaign(value: string, options: CampaignOptions = {}): Promise<Leadership> {
    return campaign(this.#ground, value, options, false);
  }

  /**
   * Leads again and again until `signal` aborts, then rejects with its reason. Each time `work` has settled it steps
   * down and stands again, behind whoever waits by then; after a loss with a fresh session, through outages of the
   * store as long as they last. `leadership.signal` tells `work` to stop, and why: at the abort with its reason, at a
   * loss, when it is to be handed over (`HAND_OVER`: `leadership.handOver()`, or `preempt`), when `health` fails
   * (`UNHEALTHY`). The lease is kept until `work` has settled. `timeoutMs` limits each wait for leadership.
   * @throws what `work` throws while leading, after stepping down; what it throws after it was told to stop counts as
   * the consequence. Whatever the store refuses for good, and the loss of a session that was passed in.
   */
  async run<T>(value: string, work: Work<T>, options: RunOptions = {}): Promise<never> {
    assertFunction('the work (second argument)', work);
    return run(this.#ground, value, work, options);
  }

  /**
   * Takes up the leadership of an earlier life of this process, in the same term, if it still stands: within its TTL
   * that is. It then hangs on the session of this process; what remains of the old one loses it. Null: it is gone, or
   * another process has resumed it. What is saved can be resumed once.
   *
   * The term stays the same, so that neither fence nor `guard()` tells the two lives apart: only the end of the earlier
   * one makes this safe (Go's `ResumeElection` has no other guard either). A former holder that lives is told `LOST` by
   * its watch, as soon as that reaches it.
   * @throws as `campaign`; `FAILED_PRECONDITION` for a candidate that does not lead yet. A resumption that fails
   * leaves no leadership behind.
   */
  async resume(saved: Resumable, options: AcquireOptions = {}): Promise<Leadership | null> {
    return resume(this.#ground, saved, options, false);
  }

  /** Yields who leads, at once and after every change; null while nobody does. An abort throws `signal.reason`. */
  observe(options: Pick<WaitOptions, 'signal'> = {}): AsyncGenerator<Leader | null, void, undefined> {
    return observeLeader(this.#observers, this.#ground.prefix, options.signal);
  }

  /** Who leads now, or null. */
  async leader(options: Pick<WaitOptions, 'signal'> = {}): Promise<Leader | null> {
    const { context, prefix } = this.#ground;
    const first = await firstPlace(context.store, prefix, options.signal);
    return first === undefined ? null : leaderOf(prefix, first);
  }

  /** Everyone who stands, in the order in which they will lead; the leader first. */
  async candidates(options: Pick<WaitOptions, 'signal'> = {}): Promise<readonly Leader[]> {
    const { context, prefix } = this.#ground;
    return (await placesOf(context.store, prefix, options)).map((place) => leaderOf(prefix, place));
  }
}
