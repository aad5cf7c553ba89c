import type { Compare } from '../store/messages.js';

/** What a holder has in hand. */
export interface Held extends AsyncDisposable {
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
  /** A compare that makes a txn succeed only while this is held, whatever the clocks say: the one sure proof. */
  guard(): Compare;
  /**
   * Lets go; resolves when the store has confirmed, or there was nothing left to let go of.
   * @throws ConclaveError `RELEASED` when called again; `TIMEOUT` (outcome unknown) when the store did not confirm
   * within the request timeout: it goes on being tried in the background until the lease ends.
   */
  release(): Promise<void>;
}
