import { type WaitOptions, withDeadline } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { linePrefix, type RecipeContext } from '../line/context.js';
import { type LineKind, type LineRoot, lockRoot, semaphoreRoot } from '../line/line-kind.js';
import type { Place } from '../line/place.js';
import { readLine } from '../line/read-line.js';
import { standingOf } from '../line/standing.js';
import { createdAt, remove } from '../store/ops.js';
import { unanswered, untilAnswered } from '../store/repeat.js';

export interface BreakOptions extends WaitOptions {
  /** The fence of the holder that is meant, as `inspectLock` shows it: nobody else's place is touched. */
  readonly ifFence: bigint;
  /** What the name is the name of. Default: a lock, which others may read as well. */
  readonly type?: LineKind['type'] | undefined;
  /** As in `WaitOptions`. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
}

const defaultTimeoutMs = 10_000;

/**
 * Takes the lock, or permits, away from the holder with that fence, so that the next in line gets it: one guarded
 * delete. Of a lock that several read it is that reader who loses it. Whoever
 * held it hears so by `signal`, and its guard fails from then on; what it is doing at this moment, only a fence stops.
 *
 * True: that holder was there and is no more. False: nobody holds with that fence, and nothing was deleted. If an
 * answer was lost and the holder is gone when the store is asked again, the answer is true: it may have let go itself.
 * @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` without a fence; `TIMEOUT`, with `outcome: 'unknown'` if a
 * delete was sent; `options.signal.reason` itself on abort.
 */
export async function breakLock(context: RecipeContext, name: string, options: BreakOptions): Promise<boolean> {
  const lines = rootOf(options?.type);
  const prefix = linePrefix(context, lines.root, name);
  const ifFence: unknown = options?.ifFence;
  if (typeof ifFence !== 'bigint' || ifFence <= 0n) {
    const got = typeof ifFence === 'bigint' ? ifFence : typeof ifFence;
    const what = `breakLock needs ifFence, the fence (a bigint) of the holder that is meant; got ${got}`;
    throw new ConclaveError('INVALID_ARGUMENT', what);
  }
  const { store, runtime } = context;
  const deadline = { signal: options.signal, timeoutMs: options.timeoutMs ?? defaultTimeoutMs };
  return withDeadline(
    runtime,
    `breaking ${options.type ?? 'lock'} ${JSON.stringify(name)}`,
    deadline,
    async (signal) => {
      const line = await untilAnswered(runtime, signal, () => readLine(store, prefix, lines, { signal }));
      const holder = standingOf(line.kind, line.places).holders.find(
        ({ createRevision }) => createRevision === ifFence,
      );
      return holder !== undefined && removeHolder(context, holder, ifFence, signal);
    },
  );
}

function rootOf(type: unknown = 'lock'): LineRoot {
  if (type === 'lock') return lockRoot;
  if (type === 'semaphore') return semaphoreRoot;
  throw new ConclaveError('INVALID_ARGUMENT', `type must be 'lock' or 'semaphore', got ${String(type)}`);
}

async function removeHolder(
  { store, runtime }: RecipeContext,
  { key }: Place,
  fence: bigint,
  signal: AbortSignal,
): Promise<boolean> {
  let doubtful = false;
  const attempt = async () => {
    try {
      return await store.txn({ compare: [createdAt(key, fence)], success: [remove(key)] }, { signal });
    } catch (error) {
      // Ended by the caller or the clock while it was under way: nobody knows either.
      doubtful ||= unanswered(error) || signal.aborted;
      throw error;
    }
  };
  try {
    return (await untilAnswered(runtime, signal, attempt)).succeeded || doubtful;
  } catch (error) {
    if (!doubtful || !ConclaveError.is(error, 'TIMEOUT')) throw error;
    throw new ConclaveError('TIMEOUT', `${error.message}; it may be broken`, { outcome: 'unknown', cause: error });
  }
}
