import { withDeadline } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import type { Session } from '../lease/session.js';
import type { AcquireOptions, RecipeContext } from './context.js';
import { Line } from './line.js';

/** What a recipe does with a line once there is a live session to stand in it with. */
export type InLine<T> = (line: Line, session: Session, signal: AbortSignal) => Promise<T>;

/**
 * Opens the session if need be and runs `work` with the line of `prefix`, all within the caller's signal and timeout.
 * The shared session may turn out to be gone from the server when a place is asked for: then a fresh one asks, once.
 */
export function inLine<T>(
  context: RecipeContext,
  what: string,
  prefix: Bytes,
  options: AcquireOptions,
  work: InLine<T>,
): Promise<T> {
  return withDeadline(context.runtime, what, options, async (signal) => {
    const session = options.session ?? context.sessions.current;
    const line = new Line(context, session, prefix);
    try {
      await session.open({ signal });
      return await work(line, session, signal);
    } catch (error) {
      const mayAskAgain = options.session === undefined && !signal.aborted;
      if (!mayAskAgain || line.entered || session.loss !== 'server') throw error;
    }
    const fresh = context.sessions.current;
    await fresh.open({ signal });
    return work(new Line(context, fresh, prefix), fresh, signal);
  });
}
