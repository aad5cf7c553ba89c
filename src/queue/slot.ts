import { ConclaveError } from '../core/errors.js';
import { makeOwnKey, onLease } from '../lease/own-key.js';
import type { Session, SessionContext } from '../lease/session.js';
import type { KeyValue, RequestOp } from '../store/messages.js';
import { remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { jsonObject } from './json.js';
import { below } from './keys.js';

/**
 * One worker's key on its consumer's lease. Every claim and every settling is guarded by its last revision and changes
 * it: a request that is sent again, or applied late, can work once at most, and the slot tells which one did.
 */
export interface Slot {
  readonly key: string;
  /** Of its last change. */
  revision: bigint;
}

/** What a slot says of its worker: the job in its hands, or the claim that was settled last. */
export interface SlotState {
  readonly job?: number | undefined;
  readonly settled?: string | undefined;
}

export function encodeSlot(state: SlotState): string {
  return JSON.stringify(state);
}

export function slotState(kv: KeyValue | undefined): SlotState {
  const { job, settled } = jsonObject(kv?.value);
  return {
    job: typeof job === 'number' ? job : undefined,
    settled: typeof settled === 'string' ? settled : undefined,
  };
}

/** The slots of one crew: as many as it ever has claims at once. Their nonce makes them nobody else's. */
export class Slots {
  readonly #context: SessionContext;
  readonly #session: Session;
  readonly #prefix: string;
  readonly #free = new Set<Slot>();
  #count = 0;

  /** `prefix` has a nonce. */
  constructor(context: SessionContext, session: Session, prefix: string) {
    this.#context = context;
    this.#session = session;
    this.#prefix = prefix;
  }

  /**
   * Free ones, new ones if there are not enough.
   * @throws ConclaveError `SESSION_LOST`.
   */
  async take(count: number): Promise<readonly Slot[]> {
    const free = [...this.#free].slice(0, count);
    for (const slot of free) this.#free.delete(slot);
    const opening = Array.from({ length: count - free.length }, () => this.#open());
    const opened = await Promise.allSettled(opening);
    const slots = [...free, ...opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))];
    const failed = opened.find((each) => each.status === 'rejected');
    if (failed === undefined) return slots;
    for (const slot of slots) this.free(slot);
    throw failed.reason;
  }

  free(slot: Slot): void {
    this.#free.add(slot);
  }

  /** Takes these away for good: whatever is still under way for them is refused. */
  async discard(slots: readonly Slot[]): Promise<void> {
    await this.#remove(slots.map(({ key }) => remove(key)));
  }

  /** Takes away every one of them. */
  async discardAll(): Promise<void> {
    const { key, rangeEnd } = below(this.#prefix);
    await this.#remove([remove(key, { rangeEnd })]);
  }

  /** What a late run of the request makes holds no job. */
  async #open(): Promise<Slot> {
    this.#count += 1;
    const key = `${this.#prefix}${this.#count}`;
    const make = () => makeOwnKey(this.#context, this.#session, key, encodeSlot({}));
    const { runtime } = this.#context;
    const revision = await onLease(this.#session, () => untilAnswered(runtime, this.#session.signal, make));
    return { key, revision };
  }

  async #remove(success: readonly RequestOp[]): Promise<void> {
    const { store, runtime } = this.#context;
    try {
      await untilAnswered(runtime, this.#session.signal, () => store.txn({ success }));
    } catch (error) {
      // The session is over, and they go with it.
      if (!ConclaveError.is(error)) throw error;
    }
  }
}
