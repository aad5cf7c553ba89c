import { onAbort, pause, type WaitOptions } from '../core/abort.js';
import { type Bytes, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { inLine } from '../line/acquire.js';
import { type AcquireOptions, linePrefix, type RecipeContext } from '../line/context.js';
import { exclusive } from '../line/exclusive.js';
import { firstPlace, placesOf } from '../line/sight.js';
import { type Leader, leaderOf } from './leader.js';
import { Leadership } from './leadership.js';
import { observeLeader } from './observe.js';

/** Where elections live, below the namespace. */
const root = 'elections';

/** Between two campaigns of `run()` when the store could not be asked. */
const outagePauseMs = 500;

/** One election by name. README.md beside this file says what it promises. */
export class Election {
  readonly name: string;
  readonly #context: RecipeContext;
  readonly #prefix: Bytes;

  /** @throws ConclaveError `INVALID_NAME` for an empty name. */
  constructor(context: RecipeContext, name: string) {
    this.#context = context;
    this.name = name;
    this.#prefix = linePrefix(context, root, name);
  }

  /**
   * Stands for election with `value` and waits until it leads. An abort or timeout leaves nothing behind.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `SESSION_LOST`, `LOST` (the candidate's key was deleted),
   * `UNAVAILABLE` when the store could not be asked for a whole TTL.
   */
  campaign(value: string, options: AcquireOptions = {}): Promise<Leadership> {
    return inLine(this.#context, this.#what, exclusive(this.#prefix), options, async (line, session, signal) => {
      const turn = await line.join(utf8(value), signal);
      return new Leadership(this.#context, session, this.name, turn);
    });
  }

  /**
   * Leads again and again until `signal` aborts, then rejects with its reason. Each time `work` has settled it steps
   * down and stands again, behind whoever waits by then; after a loss with a fresh session, through outages of the
   * store as long as they last. `leadership.signal` tells `work` to stop, at a loss as well as at the abort; the
   * lease is kept until
   * `work` has settled. `timeoutMs` limits each wait for leadership.
   * @throws what `work` throws while leading, after stepping down; what it throws after a loss or the abort counts as
   * the consequence. Whatever the store refuses for good, and the loss of a session that was passed in.
   */
  async run<T>(
    value: string,
    work: (leadership: Leadership) => Promise<T> | T,
    options: AcquireOptions = {},
  ): Promise<never> {
    // Bounded by `signal`.
    for (;;) {
      options.signal?.throwIfAborted();
      const leadership = await this.#campaignThrough(value, options);
      if (leadership !== undefined) await lead(leadership, work, options.signal);
    }
  }

  /** Yields who leads, at once and after every change; null while nobody does. An abort throws `signal.reason`. */
  observe(options: Pick<WaitOptions, 'signal'> = {}): AsyncGenerator<Leader | null, void, undefined> {
    return observeLeader(this.#context, this.#prefix, options.signal);
  }

  /** Who leads now, or null. */
  async leader(options: Pick<WaitOptions, 'signal'> = {}): Promise<Leader | null> {
    const first = await firstPlace(this.#context.store, this.#prefix, options.signal);
    return first === undefined ? null : leaderOf(first);
  }

  /** Everyone who stands, in the order in which they will lead; the leader first. */
  async candidates(options: Pick<WaitOptions, 'signal'> = {}): Promise<readonly Leader[]> {
    return (await placesOf(this.#context.store, this.#prefix, options)).map(leaderOf);
  }

  /** Undefined: worth another try. */
  async #campaignThrough(value: string, options: AcquireOptions): Promise<Leadership | undefined> {
    try {
      return await this.campaign(value, options);
    } catch (error) {
      const mayPass = ConclaveError.is(error, 'SESSION_LOST', 'LOST', 'UNAVAILABLE');
      options.signal?.throwIfAborted();
      if (!mayPass || options.session?.signal.aborted) throw error;
      // The next session asks the store before anything else, and a connection that was closed says so at once.
      if (error.code === 'SESSION_LOST') return undefined;
    }
    await pause(this.#context.runtime, outagePauseMs, options.signal);
    return undefined;
  }

  get #what(): string {
    return `election ${JSON.stringify(this.name)}`;
  }
}

/** One term: work until it settles, then step down. */
async function lead<T>(
  leadership: Leadership,
  work: (leadership: Leadership) => Promise<T> | T,
  signal: AbortSignal | undefined,
): Promise<void> {
  const unlink = onAbort(signal, (reason) => leadership.stop(reason));
  let failure: { readonly error: unknown } | undefined;
  try {
    await work(leadership);
  } catch (error) {
    if (leadership.loss === undefined && !signal?.aborted) failure = { error };
  } finally {
    unlink();
  }
  try {
    await leadership[Symbol.asyncDispose]();
  } catch (error) {
    // Not confirmed in time: it goes on being tried behind us, and the next campaign waits behind the old place.
    if (!ConclaveError.is(error)) throw error;
  }
  if (failure !== undefined) throw failure.error;
}
