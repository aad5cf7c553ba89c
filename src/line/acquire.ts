import { withDeadline } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session } from '../lease/session.js';
import type { AcquireOptions, HoldOptions, Identity, RecipeContext } from './context.js';
import type { Hold } from './hold.js';
import { assertHoldTime } from './hold-time.js';
import { encodeHolder } from './holder.js';
import { type HeldTurn, Line } from './line.js';
import type { Rule } from './rule.js';

/** What a recipe does once there is a live session to do it with. It calls `entered` when it may have got a place. */
export type OnSession<T> = (session: Session, signal: AbortSignal, entered: () => void) => Promise<T>;

/** What a recipe does with a line once there is a live session to stand in it with. */
export type InLine<T> = (line: Line, session: Session, signal: AbortSignal) => Promise<T>;

/**
 * Opens the session if need be and runs `work`, all within the caller's signal and timeout. The shared session may turn
 * out to be gone from the server when a place is asked for: then a fresh one asks, once.
 * @throws ConclaveError `INVALID_ARGUMENT` for a bad `lockDelayMs` or `maxHoldMs`.
 */
export function onSession<T>(
  context: RecipeContext,
  what: string,
  options: HoldOptions,
  work: OnSession<T>,
): Promise<T> {
  const { sessions } = context;
  return withDeadline(context.runtime, what, options, async (signal) => {
    assertHoldTime(options.maxHoldMs);
    const delayMs = lockDelayOf(options);
    const session = options.session ?? sessions.withReserve(delayMs);
    let entered = false;
    const enter = () => {
      entered = true;
    };
    try {
      // The keeper has just looked at the clocks.
      if (options.session !== undefined || !session.opened) await session.open({ signal });
      return await work(session, signal, enter);
    } catch (error) {
      const mayAskAgain = options.session === undefined && !signal.aborted;
      if (!mayAskAgain || entered || session.loss !== 'server') throw error;
    }
    const fresh = sessions.withReserve(delayMs);
    await fresh.open({ signal });
    return work(fresh, signal, enter);
  });
}

/** The same, with a line under `rule`. */
export function inLine<T>(
  context: RecipeContext,
  what: string,
  rule: Rule,
  options: HoldOptions,
  work: InLine<T>,
): Promise<T> {
  return onSession(context, what, options, (session, signal, entered) =>
    work(new Line(context, session, rule, entered), session, signal),
  );
}

/** Something that a caller wants to hold, and how to put it into its hands. */
export interface Wish<H extends Hold> {
  readonly name: string;
  /** For messages: `lock "a"`. */
  readonly what: string;
  readonly rule: Rule;
  make(context: RecipeContext, session: Session, turn: HeldTurn, maxHoldMs?: number): H;
}

/** Waits for its turn. Whatever fails leaves nothing. */
export function take<H extends Hold>(context: RecipeContext, wish: Wish<H>, options: HoldOptions): Promise<H> {
  return onSession(context, wish.what, options, async (session, signal, entered) => {
    const { rule } = wish;
    if (rule.kind !== 'exclusive') {
      const value = placeValue(context, options);
      const turn = await new Line(context, session, rule, entered).join(value, signal);
      return wish.make(context, session, { ...turn, value }, options.maxHoldMs);
    }
    const since = context.runtime.wallMs();
    const value = (callers: number) => encodeHolder(identityOf(context, options), since, callers);
    const turn = await context.crowds.of(context, session, rule).take({ value, entered }, signal);
    return wish.make(context, session, turn, options.maxHoldMs);
  });
}

/** Its turn if that has come already, else null with nothing left behind. */
export function tryTake<H extends Hold>(
  context: RecipeContext,
  wish: Wish<H>,
  options: HoldOptions,
): Promise<H | null> {
  return inLine(context, wish.what, wish.rule, options, async (line, session, signal) => {
    const value = placeValue(context, options);
    const turn = await line.joinIfFree(value, signal);
    return turn === undefined ? null : wish.make(context, session, { ...turn, value }, options.maxHoldMs);
  });
}

/** What a place tells of its owner. */
export function placeValue(context: RecipeContext, options: AcquireOptions): Bytes {
  return encodeHolder(identityOf(context, options), context.runtime.wallMs());
}

function identityOf({ identity }: RecipeContext, { label }: AcquireOptions): Identity {
  return label === undefined ? identity : { ...identity, label };
}

function lockDelayOf({ lockDelayMs = 0, session }: AcquireOptions): number {
  if (!(lockDelayMs >= 0 && Number.isFinite(lockDelayMs))) {
    throw new ConclaveError('INVALID_ARGUMENT', `lockDelayMs must be a number of at least 0, got ${lockDelayMs}`);
  }
  if (lockDelayMs > 0 && session !== undefined) {
    throw new ConclaveError('INVALID_ARGUMENT', 'lockDelayMs takes a session of its own: none can be given');
  }
  return lockDelayMs;
}
