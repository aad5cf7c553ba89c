import type { WaitOptions } from '../core/abort.js';
import { type Bytes, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session, SessionContext } from '../lease/session.js';
import type { SessionKeeper } from '../lease/session-keeper.js';
import type { Crowds } from './crowds.js';
import type { Held, HeldAll } from './held.js';

/** What every recipe works with. */
export interface RecipeContext extends SessionContext {
  readonly sessions: SessionKeeper;
  /** The callers of this process that want the same lock. */
  readonly crowds: Crowds;
  /** Put before the roots of all recipes; absolute names are not touched by it. */
  readonly namespace: string;
  /** Written into places, so that others can see who holds and who waits. */
  readonly identity: Identity;
}

/** Who this process is, for people. Never used to decide anything. */
export interface Identity {
  readonly host?: string | undefined;
  readonly pid?: number | undefined;
  readonly label?: string | undefined;
}

/** Options of every call that takes a place in a line. */
export interface AcquireOptions extends WaitOptions {
  /** Default: the session that the whole process shares. */
  readonly session?: Session | undefined;
  /** Shown to others by `inspectLock`. Default: the connection's own label. */
  readonly label?: string | undefined;
  /**
   * Milliseconds for which nobody else gets it after its holder was lost without a release, for what cannot check
   * fences (Consul's `lock-delay`). They begin when the holder itself knows that it is lost. A revoked lease and a
   * deleted key end it at once. Takes a session of its own for each delay. Default: 0.
   */
  readonly lockDelayMs?: number | undefined;
}

/** Options of every call that gives a lock of some kind. */
export interface HoldOptions extends AcquireOptions {
  /**
   * The longest that it may be held, in milliseconds: then it is lost (`LOST`, `loss: 'max-hold'`), and one second
   * later, or at the release if that is sooner, free for others. Default: none.
   */
  readonly maxHoldMs?: number | undefined;
}

/** Options of locks. */
export interface LockOptions extends HoldOptions {
  /**
   * What this caller holds already of the same name: it is shared, and nothing is asked of the store. Its own release
   * lets go of nothing; that of `within` ends both. The only way in which a lock can be taken twice.
   */
  readonly within?: Held | HeldAll | undefined;
}

/**
 * The prefix of all places of the line `name`. A name that starts with `/` is the exact key prefix, as Go's
 * `concurrency.NewMutex(session, "/a/b")` and `etcdctl lock /a/b` take it; any other lives under the recipe's own
 * `root`.
 * @throws ConclaveError `INVALID_NAME` for an empty name, and for half a surrogate pair: in UTF-8 all of these are one.
 */
export function linePrefix(context: RecipeContext, root: string, name: string): Bytes {
  checkName(name);
  return utf8(name.startsWith('/') ? `${name}/` : `${context.namespace}${root}/${name}/`);
}

/**
 * The same for what keeps folders below its prefix: of `a` one might be that of `a/ready`. So a name has no `/` there,
 * but where it is an exact prefix.
 * @throws ConclaveError `INVALID_NAME`.
 */
export function folderPrefix(context: RecipeContext, root: string, name: string): Bytes {
  checkName(name);
  if (name.startsWith('/')) return linePrefix(context, root, name);
  return linePrefix(context, root, name.replace(/[%/]/g, encodeURIComponent));
}

function checkName(name: string): void {
  if (typeof name === 'string' && name !== '' && !/\p{Surrogate}/u.test(name)) return;
  throw new ConclaveError('INVALID_NAME', 'a name must be a well-formed string of at least one character');
}
