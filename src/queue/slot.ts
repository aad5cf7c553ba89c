import { makeOwnKey, onLease } from '../lease/own-key.js';
import type { Session, SessionContext } from '../lease/session.js';
import type { KeyValue } from '../store/messages.js';
import { untilAnswered } from '../store/repeat.js';
import { jsonObject } from './json.js';

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

/** Makes the slot `key`, whose nonce is nobody else's. What a late run of the request makes holds no job. */
export async function openSlot(context: SessionContext, session: Session, key: string): Promise<Slot> {
  const make = () => makeOwnKey(context, session, key, encodeSlot({}));
  const revision = await onLease(session, () => untilAnswered(context.runtime, session.signal, make));
  return { key, revision };
}
