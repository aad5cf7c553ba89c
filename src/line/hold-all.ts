import { pause } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { Session, SessionContext } from '../lease/session.js';
import type { Compare } from '../store/messages.js';
import type { HeldAll } from './held.js';
import { type Hold, stopGraceMs, type Workable } from './hold.js';
import { HoldTime } from './hold-time.js';
import { confirmed, leaveAll } from './leave.js';
import { LockHold } from './lock-hold.js';
import { LossListeners } from './loss-listeners.js';
import type { Rule } from './rule.js';

/** Several places that are held together, on one session. */
export class HoldAll implements HeldAll, Workable {
  readonly parts: readonly Hold[];
  readonly name: string;
  readonly key: string;
  readonly fence: bigint;
  readonly #context: SessionContext;
  readonly #session: Session;
  readonly #time: HoldTime;
  readonly #ended = new AbortController();
  readonly #listeners = new LossListeners();
  readonly #cleanups: (() => void)[] = [];
  #over: ConclaveError | undefined;
  #leaving: Promise<void> | undefined;

  /** `parts`: at least one. */
  constructor(context: SessionContext, session: Session, parts: readonly Hold[], maxHoldMs?: number) {
    this.#context = context;
    this.#session = session;
    this.parts = parts;
    this.name = parts.map(({ name }) => name).join(', ');
    this.key = parts[0]?.key ?? '';
    this.fence = highestFence(parts);
    this.#time = new HoldTime(context.runtime, maxHoldMs);
    this.#cleanups.push(this.#time.start(() => this.held));
    for (const part of parts) this.#cleanups.push(part.onLost((error) => this.#lose(error)));
  }

  get leaseId(): bigint {
    return this.#session.leaseId;
  }

  get held(): boolean {
    return this.remainingMs > 0;
  }

  get remainingMs(): number {
    if (this.#over !== undefined) return 0;
    const { remainingMs } = this.#time;
    if (remainingMs === 0) this.#lose(new ConclaveError('LOST', `${this.name}: held too long`, { loss: 'max-hold' }));
    return Math.min(remainingMs, ...this.parts.map((part) => part.remainingMs));
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  guard(): readonly Compare[] {
    return this.parts.map((part) => part.guard());
  }

  onLost(listener: (error: ConclaveError) => void): () => void {
    return this.#listeners.add(listener, this.#over);
  }

  /** The part that holds what `rule` would give. */
  partFor(rule: Rule): LockHold | undefined {
    return this.parts.find((part): part is LockHold => part instanceof LockHold && part.covers(rule));
  }

  stop(reason: unknown): void {
    this.#ended.abort(reason);
  }

  assertNotLost(): void {
    if (this.held || this.#over?.code === 'RELEASED') return;
    if (this.#over !== undefined) throw this.#over;
    this.#session.assertAlive();
  }

  /** After a loss it lets go of what is left at once. */
  async release(): Promise<void> {
    if (this.#over?.code === 'RELEASED') throw this.#over;
    const released = new ConclaveError('RELEASED', `${this.name}: released`);
    if (this.held) this.#end(released);
    this.#over = released;
    await confirmed(this.#context, this.name, this.#leave());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#over?.code !== 'RELEASED') await this.release();
  }

  /** One is lost, so all are; the work gets a moment to stop before others may have the rest. */
  #lose(error: ConclaveError): void {
    if (this.#over !== undefined) return;
    this.#end(error);
    // The session's end takes the places as well, should the store refuse.
    pause(this.#context.runtime, stopGraceMs, this.#session.signal)
      .then(() => this.#leave())
      .catch(() => {});
  }

  #end(error: ConclaveError): void {
    this.#over = error;
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    for (const part of this.parts) part.end(error);
    this.#ended.abort(error);
    this.#listeners.tell(error);
  }

  #leave(): Promise<void> {
    this.#leaving ??= leaveAll(
      this.#context,
      this.#session,
      this.parts.map(({ place }) => place),
    );
    return this.#leaving;
  }
}

function highestFence(parts: readonly Hold[]): bigint {
  let highest = 0n;
  for (const { fence } of parts) if (fence > highest) highest = fence;
  return highest;
}
