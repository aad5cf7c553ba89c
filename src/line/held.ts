import type { ConclaveError } from '../core/errors.js';
import type { Compare } from '../store/messages.js';

/** What every holder has in hand, of one place or several. */
export interface HeldBase extends AsyncDisposable {
  /** As the caller gave it. */
  readonly name: string;
  /** The key on the store whose existence is the ownership. */
  readonly key: string;
  /** Grows with every later holder of the name: hand it to whatever you protect, with reads as well as writes. */
  readonly fence: bigint;
  readonly leaseId: bigint;
  /** Whether this is still held, judged by the clocks at this very moment. Once false, always false. */
  readonly held: boolean;
  /** Milliseconds for which it is certain to stay held if the network goes away now; 0 when not held. */
  readonly remainingMs: number;
  /**
   * Aborts before the server can give the place to someone else, with a ConclaveError: `LOST` or `SESSION_LOST` when
   * it was taken away,
   * `RELEASED` on release. A stalled event loop delays it; `held` is right even then.
   */
  readonly signal: AbortSignal;
  /**
   * Calls `listener` once when it is lost, with the error that `signal` has; at once if it is lost already, never for a
   * release. The function returned takes the listener away.
   */
  onLost(listener: (error: ConclaveError) => void): () => void;
  /**
   * Lets go; resolves when the store has confirmed, or there was nothing left to let go of.
   * @throws ConclaveError `RELEASED` when called again; `TIMEOUT` (outcome unknown) when the store did not confirm
   * within the request timeout: it goes on being tried in the background until the lease ends.
   */
  release(): Promise<void>;
}

/** What a holder has in hand. */
export interface Held extends HeldBase {
  /** A compare that makes a txn succeed only while this is held, whatever the clocks say: the one sure proof. */
  guard(): Compare;
}

/** A lock that is held alone or with other readers. */
export interface LockHeld extends Held {
  /** `read`: others may read as well. */
  readonly mode: 'read' | 'write';
  /**
   * From writing to reading, with no moment between them in which another could write. The same handle, fence and
   * guard. Resolves with it when the store has confirmed.
   * @throws ConclaveError `LOST`, `SESSION_LOST` or `RELEASED` when not held any more; `UNSUPPORTED` inside `within`,
   * and in `lockAll`.
   */
  downgrade(): Promise<LockHeld>;
}

/** Several places, held together: when one is lost, all are. */
export interface HeldAll extends HeldBase {
  /**
   * The highest fence of the parts: grows with every later holder of the same names. Who shows a fence to something
   * that is protected by one of the names shows that part's.
   */
  readonly fence: bigint;
  /** One for each name, in the order in which they were given. */
  readonly parts: readonly Pick<Held, 'name' | 'key' | 'fence' | 'guard'>[];
  /** Compares that make a txn succeed only while all are held: `txn().if(held.guard())`. */
  guard(): readonly Compare[];
}
