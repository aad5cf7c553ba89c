import { withDeadline } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import type { Session } from '../lease/session.js';
import type { AcquireOptions, RecipeContext } from './context.js';
import { Line } from './line.js';

/** What a recipe does with a line once there is a live session to stand in it with. */
export type InLine<T> = (line: Line, session: Session, signal: AbortSignal) => Promise<T>;

/**
 * Opens the session if need be and runs `work` with the line of `prefix`, all within the caller's signal and timeout.
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
    await session.open({ signal });
    return work(new Line(context, session, prefix), session, signal);
  });
}
