import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { assertFunction } from '../core/given.js';
import type { Session } from '../lease/session.js';
import { take, tryTake, type Wish } from './acquire.js';
import { type LockOptions, linePrefix, type RecipeContext } from './context.js';
import { exclusive } from './exclusive.js';
import type { Held, HeldAll, LockHeld } from './held.js';
import { type Workable, whileHeld } from './hold.js';
import { HoldAll } from './hold-all.js';
import { InnerHold } from './inner-hold.js';
import type { HeldTurn } from './line.js';
import { mutexKind } from './line-kind.js';
import { LockHold } from './lock-hold.js';
import type { Rule } from './rule.js';
import { shared } from './shared.js';

type Mode = 'read' | 'write';

/** Where the lock `name` has its line. */
export function lockPrefix(context: RecipeContext, name: string): Bytes {
  return linePrefix(context, mutexKind.root, name);
}

/** The wish for the lock `name`, to read or to write. */
export class LockWish implements Wish<LockHold> {
  readonly name: string;
  readonly rule: Rule;

  constructor(name: string, prefix: Bytes, mode: Mode) {
    this.name = name;
    this.rule = mode === 'read' ? shared(prefix) : exclusive(prefix, true);
  }

  get what(): string {
    return `${this.rule.kind === 'shared' ? 'read lock' : 'lock'} ${JSON.stringify(this.name)}`;
  }

  make(context: RecipeContext, session: Session, turn: HeldTurn, maxHoldMs?: number): LockHold {
    return new LockHold(context, session, this, turn, maxHoldMs);
  }
}

/** One lock that can be taken, or tried, or taken for the time of some work: alone or with other readers. */
export class LockTaker {
  readonly #context: RecipeContext;
  readonly #wish: LockWish;
  readonly #mode: Mode;

  constructor(context: RecipeContext, name: string, prefix: Bytes, mode: Mode) {
    this.#context = context;
    this.#wish = new LockWish(name, prefix, mode);
    this.#mode = mode;
  }

  take(options: LockOptions = {}): Promise<LockHeld & Workable> {
    const { within } = options;
    return within === undefined ? take(this.#context, this.#wish, options) : this.#inner(within, options);
  }

  try(options: LockOptions = {}): Promise<LockHeld | null> {
    const { within } = options;
    return within === undefined ? tryTake(this.#context, this.#wish, options) : this.#inner(within, options);
  }

  async with<T>(options: LockOptions = {}, work: (held: LockHeld) => Promise<T> | T): Promise<T> {
    assertFunction('the work (last argument)', work);
    return whileHeld(await this.take(options), work, options.signal);
  }

  /** What is within something that is held already. */
  async #inner(within: Held | HeldAll, { signal }: LockOptions): Promise<InnerHold> {
    signal?.throwIfAborted();
    const outer = within instanceof HoldAll ? within.partFor(this.#wish.rule) : within;
    if (!(outer instanceof LockHold && outer.covers(this.#wish.rule))) {
      const message = `${this.#wish.what}: what \`within\` holds is another lock, or only reads, or is within itself`;
      throw new ConclaveError('INVALID_ARGUMENT', message);
    }
    outer.assertHeld();
    return new InnerHold(outer, this.#mode);
  }
}
