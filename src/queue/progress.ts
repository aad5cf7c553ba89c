import { ConclaveError } from '../core/errors.js';
import { get, modifiedAt, put, rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { Claim, ClaimSite } from './claim.js';
import { jsonOf, jsonValue } from './json.js';
import type { Slot } from './slot.js';

/** KiB of one report. */
const limitKib = 4;

/** What a job's claims say of how far they are: written by the live claim alone, kept until the job is gone. */
export class Progress {
  readonly #site: ClaimSite;
  readonly #slot: Slot;
  readonly #claim: Claim;
  #value: unknown;
  #revision: bigint;
  /** One after the other: each is guarded by the one before. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(site: ClaimSite, slot: Slot, claim: Claim) {
    this.#site = site;
    this.#slot = slot;
    this.#claim = claim;
    this.#value = jsonValue(claim.progress?.value);
    this.#revision = claim.progress?.modRevision ?? 0n;
  }

  get value(): unknown {
    return this.#value;
  }

  /** @throws ConclaveError `INVALID_ARGUMENT`, `LOST`, `SESSION_LOST`. */
  async update(value: unknown): Promise<void> {
    const json = jsonOf(value, 'progress', limitKib);
    const written = this.#writing.then(() => this.#write(json));
    this.#writing = written.catch(() => {});
    await written;
    this.#value = JSON.parse(json);
  }

  /** Refused though the claim lives, an earlier run of the request has done it: nobody else could. */
  async #write(json: string): Promise<void> {
    const { context, session, keys } = this.#site;
    const key = keys.progressOf(this.#claim.ticket.seq);
    const slot = this.#slot.key;
    const request = {
      compare: [modifiedAt(slot, this.#claim.fence), modifiedAt(key, this.#revision)],
      success: [put(key, json)],
      failure: [get(slot), get(key)],
    };
    const txn = await untilAnswered(context.runtime, session.signal, () => context.store.txn(request));
    if (!txn.succeeded && rangeAt(txn, 0).kvs[0]?.modRevision !== this.#claim.fence) {
      const message = `job ${this.#claim.ticket.seq}: its claim is over`;
      throw new ConclaveError('LOST', message, { outcome: 'unknown', loss: 'key-deleted' });
    }
    this.#revision = txn.succeeded ? txn.header.revision : (rangeAt(txn, 1).kvs[0]?.modRevision ?? 0n);
  }
}
