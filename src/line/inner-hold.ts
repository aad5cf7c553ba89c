import { onAbort } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { Compare } from '../store/messages.js';
import type { LockHeld } from './held.js';
import type { Workable } from './hold.js';
import type { LockHold } from './lock-hold.js';

/** A lock that its holder has taken once more: the same place, fence and guard; only the outer hold lets go of it. */
export class InnerHold implements LockHeld, Workable {
  readonly mode: 'read' | 'write';
  readonly #outer: LockHold;
  readonly #ended = new AbortController();
  readonly #cleanups: (() => void)[] = [];
  #released: ConclaveError | undefined;

  constructor(outer: LockHold, mode: 'read' | 'write') {
    this.#outer = outer;
    this.mode = mode;
    this.#cleanups.push(onAbort(outer.signal, (reason) => this.stop(reason)));
  }

  get name(): string {
    return this.#outer.name;
  }

  get key(): string {
    return this.#outer.key;
  }

  get fence(): bigint {
    return this.#outer.fence;
  }

  get leaseId(): bigint {
    return this.#outer.leaseId;
  }

  get held(): boolean {
    return this.remainingMs > 0;
  }

  get remainingMs(): number {
    return this.#released === undefined ? this.#outer.remainingMs : 0;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  guard(): Compare {
    return this.#outer.guard();
  }

  onLost(listener: (error: ConclaveError) => void): () => void {
    if (this.#released !== undefined) return () => {};
    const cleanup = this.#outer.onLost(listener);
    this.#cleanups.push(cleanup);
    return cleanup;
  }

  async downgrade(): Promise<LockHeld> {
    throw new ConclaveError('UNSUPPORTED', `${this.name}: only the outer hold can be downgraded`);
  }

  stop(reason: unknown): void {
    this.#ended.abort(reason);
  }

  assertNotLost(): void {
    // If the outer hold was released under us, we were left without as well.
    if (this.#released === undefined) this.#outer.assertHeld();
  }

  async release(): Promise<void> {
    if (this.#released !== undefined) throw this.#released;
    this.#released = new ConclaveError('RELEASED', `${this.name}: released`);
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    this.#ended.abort(this.#released);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released === undefined) await this.release();
  }
}
