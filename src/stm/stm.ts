import { abortable, pause, type WaitOptions, withDeadline } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { assertFunction } from '../core/given.js';
import { byChance } from '../core/runtime.js';
import { assertWhole } from '../core/whole.js';
import type { Session } from '../lease/session.js';
import type { RecipeContext } from '../line/context.js';
import { Committer } from './committer.js';
import { Tx } from './tx.js';

/** Between two attempts: by chance up to this, doubled each time. */
const firstPauseMs = 2;
const lastPauseMs = 500;

export interface StmOptions extends WaitOptions {
  /** How often it is run at most, each time that others have changed what it had read. Default: 100. */
  readonly attempts?: number | undefined;
  /** Default: the session that the whole process shares. Used only if something is written. */
  readonly session?: Session | undefined;
}

/** Transactions of one connection. README.md beside this file says what they promise. */
export class Stm {
  readonly #context: RecipeContext;
  readonly #committer: Committer;

  constructor(context: RecipeContext) {
    this.#context = context;
    this.#committer = new Committer(context);
  }

  /**
   * Runs `work`, which reads and writes through the `Tx` it is given, and commits what it wrote, all or nothing, if
   * nothing that it read has changed meanwhile; else runs it again. Serializable, and once: a commit whose answer was
   * lost is found out about. `work` must do nothing else that may not be done twice. If it throws, nothing is written.
   * @throws whatever `work` throws; `signal.reason` itself, when it may have been committed; ConclaveError `CONFLICT`,
   * retryable, after so many attempts; `LOST` when a guard does not hold; `RESOURCE_EXHAUSTED` when it reads or writes
   * more keys than one txn of etcd takes; `LEASE_NOT_FOUND` for a lease that is gone; others with `outcome: 'unknown'`
   * when it could not be found out.
   */
  async run<T>(work: (tx: Tx) => Promise<T> | T, options: StmOptions = {}): Promise<T> {
    assertFunction('the work', work);
    const { attempts = 100 } = options;
    assertWhole('attempts', attempts, 1);
    const { runtime } = this.#context;
    return withDeadline(runtime, 'transaction', options, async (signal) => {
      let pauseMs = firstPauseMs;
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const done = await this.#attempt(work, new Tx(this.#context, attempt, signal), options.session, signal);
        if (done !== undefined) return done.result;
        await pause(runtime, pauseMs * byChance(runtime), signal);
        pauseMs = Math.min(pauseMs * 2, lastPauseMs);
      }
      const message = `others have changed what the transaction had read, ${attempts} times in a row`;
      throw new ConclaveError('CONFLICT', message, { retryable: true });
    });
  }

  /** Undefined: to be run again. */
  async #attempt<T>(
    work: (tx: Tx) => Promise<T> | T,
    tx: Tx,
    session: Session | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly result: T } | undefined> {
    let result: T;
    try {
      result = await abortable((async () => work(tx))(), signal);
    } catch (error) {
      tx.end();
      if (tx.stale && !signal.aborted) return undefined;
      throw error;
    }
    const commitment = tx.end();
    // A stale read that `work` has caught: it has not seen one state.
    if (tx.stale) return undefined;
    if (commitment === undefined) return { result };
    return (await this.#committer.commit(commitment, session, signal)) ? { result } : undefined;
  }
}
