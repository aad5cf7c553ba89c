import { EventEmitter } from 'eventemitter3';
import type { WaitOptions } from '../core/abort.js';
import { type Bytes, copyBytes, utf8Text } from '../core/bytes.js';
import { callUser } from '../core/call-user.js';
import { ConclaveError } from '../core/errors.js';
import { KeptKey, type KeptKeyStatus } from '../lease/kept-key.js';
import type { Session } from '../lease/session.js';
import type { RecipeContext } from '../line/context.js';
import type { MirrorChecks } from '../store/mirror-checks.js';
import { bytesOf, type Text } from '../store/ops.js';

export interface EphemeralOptions extends WaitOptions {
  /** Takes a key that is somebody else's, whose keeper then ends. Default: that is a `CONFLICT`. */
  readonly takeOver?: boolean | undefined;
  /** Default: the session that the whole process shares. With one of its own the key goes for good when that ends. */
  readonly session?: Session | undefined;
}

/**
 * `kept`: it is on the store with the value last given; `recovering`: that is not known, and it is being put there;
 * `ended`: given up, or taken over by somebody else.
 */
export type EphemeralStatus = 'kept' | 'recovering' | 'ended';

export interface EphemeralEvents {
  /** After each change; `error`: why it is recovering or ended. */
  status: [status: EphemeralStatus, error: ConclaveError | undefined];
}

/** A key that is there as long as its process. README.md beside this file says what it promises. */
export class EphemeralKey implements AsyncDisposable {
  readonly key: string;
  readonly events = new EventEmitter<EphemeralEvents>();
  readonly #context: RecipeContext;
  readonly #options: EphemeralOptions;
  readonly #kept: KeptKey;
  /** Of every session that the key has hung on: what stands on one of them is its own. */
  readonly #leases: Set<bigint>;
  #value: Bytes;
  #gone = false;

  /** @internal `conclave.ephemeral` makes and starts them. */
  constructor(
    context: RecipeContext,
    checks: MirrorChecks,
    key: Text,
    value: Text,
    options: EphemeralOptions,
    before?: EphemeralKey,
  ) {
    const bytes = bytesOf(key);
    if (bytes.length === 0) throw new ConclaveError('INVALID_NAME', 'a key must have at least one byte');
    this.key = utf8Text(bytes);
    this.#context = context;
    this.#options = options;
    this.#leases = new Set(before === undefined ? [] : before.#leases);
    this.#value = copyBytes(bytesOf(value));
    const wish = {
      key: bytes,
      session: () => this.#session(),
      value: () => (this.#gone ? undefined : this.#value),
      isOwn: ({ lease }: { readonly lease: bigint }) => this.#leases.has(lease),
      takeOver: options.takeOver,
      before: before === undefined ? undefined : before.#kept,
      checks,
    };
    this.#kept = new KeptKey(context, wish, (status, error) => this.#turned(status, error));
  }

  /** @internal Resolves when it is on the store. Whatever fails leaves nothing. */
  async start(): Promise<this> {
    const what = `the ephemeral key ${this.key}`;
    try {
      await this.#kept.start(what, this.#options);
    } catch (error) {
      void this.delete().catch(() => {});
      throw error;
    }
    return this;
  }

  /** @internal Aborts when nothing more is done to the key. */
  get stopped(): AbortSignal {
    return this.#kept.stopped;
  }

  get status(): EphemeralStatus {
    const { status } = this.#kept;
    if (status === 'ended' || this.#gone) return 'ended';
    return status === 'kept' ? 'kept' : 'recovering';
  }

  /** Aborts when it has ended: `RELEASED`, `CONFLICT` (taken over), `SESSION_LOST`, `CLOSED`. */
  get signal(): AbortSignal {
    return this.#kept.signal;
  }

  /**
   * Gives it another value; resolves when the store has that, or a later one, however long an outage lasts.
   * @throws why it has ended.
   */
  async update(value: Text): Promise<void> {
    const bytes = copyBytes(bytesOf(value));
    if (this.#gone) throw released(this.key);
    this.#value = bytes;
    await this.#kept.changed();
  }

  /**
   * Takes it away; resolves when it is gone, and what somebody else has put there instead is left alone. Idempotent.
   * @throws ConclaveError `TIMEOUT` (outcome unknown) when the store has not confirmed that within 5 s: it goes on
   * being tried.
   */
  async delete(): Promise<void> {
    this.#gone = true;
    await this.#kept.leave(released(this.key));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.delete();
  }

  #session(): Session {
    const session = this.#context.sessions.ownOrCurrent(this.#options.session);
    this.#leases.add(session.leaseId);
    return session;
  }

  #turned(status: KeptKeyStatus, error: ConclaveError | undefined): void {
    if (status !== 'pending') callUser(() => this.events.emit('status', this.status, error));
  }
}

function released(key: string): ConclaveError {
  return new ConclaveError('RELEASED', `${key}: deleted by its keeper`);
}
