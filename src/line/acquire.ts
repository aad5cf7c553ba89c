import { withDeadline } from '../core/abort.js';
import type { Session } from '../lease/session.js';
import type { AcquireOptions, RecipeContext } from './context.js';
import { Line } from './line.js';
import type { Rule } from './rule.js';

/** What a recipe does with a line once there is a live session to stand in it with. */
export type InLine<T> = (line: Line, session: Session, signal: AbortSignal) => Promise<T>;

/**
 * Opens the session if need be and runs `work` with a line under `rule`, all within the caller's signal and timeout.
 * The shared session may turn out to be gone from the server when a place is asked for: then a fresh one asks, once.
 */
export function inLine<T>(
  context: RecipeContext,
  what: string,
  rule: Rule,
  options: AcquireOptions,
  work: InLine<T>,
): Promise<T> {
  return withDeadline(context.runtime, what, options, async (signal) => {
    const session = options.session ?? context.sessions.current;
    const line = new Line(context, session, rule);
    try {
      await session.open({ signal });
      return await work(line, session, signal);
    } catch (error) {
      const mayAskAgain = options.session === undefined && !signal.aborted;
      if (!mayAskAgain || line.entered || session.loss !== 'server') throw error;
    }
    const fresh = context.sessions.current;
    await fresh.open({ signal });
    return work(new Line(context, fresh, rule), fresh, signal);
  });
}
