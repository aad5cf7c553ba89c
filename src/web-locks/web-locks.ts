import { abortable, linkSignals, onAbort } from '../core/abort.js';
import { deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { onSession, placeValue } from '../line/acquire.js';
import type { RecipeContext } from '../line/context.js';
import type { Entry } from '../line/enter.js';
import { exclusive } from '../line/exclusive.js';
import { type Hold, whileHeld } from '../line/hold.js';
import { Line } from '../line/line.js';
import { LockWish, lockPrefix } from '../line/lock-wish.js';
import { shared } from '../line/shared.js';
import { lineName } from './line-name.js';
import { readSnapshot, type WebLockSnapshot } from './snapshot.js';
import { stealTurn } from './steal.js';
import { WebLock } from './web-lock.js';
import { type WebLockWish, webLockWish } from './web-lock-options.js';

type Callback = (lock: WebLock | null) => unknown;

/** What a request wants to know of its place. */
type OnEntered = (entry: Entry | undefined) => void;

/** The W3C's Web Locks API across processes. README.md beside this file says where it cannot be the same. */
export class WebLocks {
  readonly #context: RecipeContext;
  /** Per name the last request that has not got its place yet: the next one waits for that, and a query for all. */
  readonly #entering = new Map<string, Promise<void>>();
  /** Names that are key prefixes, with the number of requests: no query could find them otherwise. */
  readonly #absolute = new Map<string, number>();

  constructor(context: RecipeContext) {
    this.#context = context;
  }

  /**
   * `request(name, [options,] callback)`. Resolves or rejects as `callback` does, when the lock has been let go.
   * @throws TypeError, DOMException `NotSupportedError` for arguments; `signal.reason` when aborted while it waits;
   * DOMException `AbortError`, its cause a ConclaveError, when the lock is stolen or lost, or the connection is closed;
   * ConclaveError `UNAVAILABLE` when the store could not be asked for a whole time to live.
   */
  async request(args: readonly unknown[]): Promise<unknown> {
    if (args.length < 2) throw new TypeError(`request takes a name and a callback, got ${args.length} arguments`);
    const [options, callback] = args.length === 2 ? [undefined, args[1]] : [args[1], args[2]];
    // As Web IDL does: a symbol has no text, and throws.
    const name = `${args[0] as string}`;
    if (typeof callback !== 'function') throw new TypeError('the callback of a lock request must be a function');
    const wish = webLockWish(name, options);
    const line = lineName(name);
    this.#count(line, 1);
    try {
      return await this.#run(name, line, wish, callback as Callback);
    } finally {
      this.#count(line, -1);
    }
  }

  /** What is held and asked for, the requests that were made here before included. */
  async query(): Promise<WebLockSnapshot> {
    await Promise.all(this.#entering.values());
    return readSnapshot(this.#context, this.#absolute.keys());
  }

  async #run(name: string, line: string, wish: WebLockWish, callback: Callback): Promise<unknown> {
    const hold = await this.#inOrder(line, wish, (entered) => this.#acquire(line, wish, entered));
    if (hold === null) return callback(null);
    const lock = new WebLock(name, wish.mode, hold);
    return untilLost(
      hold,
      whileHeld(hold, () => callback(lock)),
    );
  }

  /** One name's requests get their places in the order in which they were made here. */
  async #inOrder<T>(line: string, { signal }: WebLockWish, acquire: (entered: OnEntered) => Promise<T>): Promise<T> {
    const before = this.#entering.get(line);
    const placed = deferred();
    this.#entering.set(line, placed.promise);
    try {
      await abortable(before ?? Promise.resolve(), signal);
      return await acquire(() => placed.resolve());
    } finally {
      // After the one before, though this one was aborted: the next one must not overtake that.
      void (before ?? Promise.resolve()).then(() => placed.resolve());
      void placed.promise.then(() => {
        if (this.#entering.get(line) === placed.promise) this.#entering.delete(line);
      });
    }
  }

  /** Whoever loses its place while it waits has lost nothing that it was given, and asks again. */
  async #acquire(line: string, wish: WebLockWish, entered: OnEntered): Promise<Hold | null> {
    // Each round is a place that was taken away or a session that ended; the caller's signal ends it.
    for (;;) {
      try {
        return await this.#acquireOnce(line, wish, entered);
      } catch (error) {
        if (!ConclaveError.is(error, 'LOST', 'SESSION_LOST', 'CLOSED')) throw error;
        if (error.code === 'CLOSED' || error.loss === 'closed') throw abortError(error);
      }
    }
  }

  #acquireOnce(line: string, wish: WebLockWish, entered: OnEntered): Promise<Hold | null> {
    const context = this.#context;
    const prefix = lockPrefix(context, line);
    const lock = new LockWish(line, prefix, wish.mode === 'shared' ? 'read' : 'write');
    return onSession(context, lock.what, { signal: wish.signal }, async (session, signal, mayHaveEntered) => {
      const value = placeValue(context, {});
      const thief = new AbortController();
      const either = linkSignals(signal, thief.signal);
      const onEntry = (entry: Entry | undefined) => {
        mayHaveEntered();
        entered(entry);
        if (!wish.steal || entry === undefined) return;
        const rules = { exclusive: exclusive(prefix), shared: shared(prefix) };
        const ends = linkSignals(either.signal, session.signal);
        const stealing = stealTurn(context, rules, entry, ends.signal).finally(ends.unlink);
        stealing.catch((error: unknown) => thief.abort(error));
      };
      const joining = new Line(context, session, lock.rule, onEntry);
      try {
        const turn = wish.ifAvailable
          ? await joining.joinIfFree(value, either.signal)
          : await joining.join(value, either.signal);
        return turn === undefined ? null : lock.make(context, session, { ...turn, value });
      } finally {
        either.unlink();
      }
    });
  }

  #count(line: string, by: number): void {
    if (!line.startsWith('/')) return;
    const count = (this.#absolute.get(line) ?? 0) + by;
    if (count > 0) this.#absolute.set(line, count);
    else this.#absolute.delete(line);
  }
}

/** `work`, or an `AbortError` as soon as `hold` is lost, though the work goes on. */
function untilLost<T>(hold: Hold, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const lost = (reason: unknown) => {
      if (ConclaveError.is(reason, 'LOST', 'SESSION_LOST')) reject(abortError(reason));
    };
    const cleanup = onAbort(hold.signal, lost);
    // What the work throws is its own; how the hold was lost is what its signal says.
    const failed = (error: unknown) => reject(isLossOf(hold, error) ? abortError(error) : error);
    work.then(resolve, failed).finally(cleanup);
  });
}

function isLossOf(hold: Hold, error: unknown): error is ConclaveError {
  return error === hold.signal.reason && ConclaveError.is(error, 'LOST', 'SESSION_LOST');
}

function abortError(cause: ConclaveError): DOMException {
  return new DOMException(cause.message, { name: 'AbortError', cause });
}
