import { EventEmitter } from 'eventemitter3';
import type { WaitOptions } from '../core/abort.js';
import { callUser } from '../core/call-user.js';
import { ConclaveError } from '../core/errors.js';
import type { Plain } from '../core/plain.js';
import { randomHex } from '../core/runtime.js';
import { KeptKey, type KeptKeyStatus } from '../lease/kept-key.js';
import type { Session } from '../lease/session.js';
import type { RecipeContext } from '../line/context.js';
import type { KeyValue } from '../store/messages.js';
import { decodeMember, encodeMember } from './member.js';
import { checkId, type Folder, memberKey } from './names.js';

export interface JoinOptions extends WaitOptions {
  /** Unique within the group, without `/`. Default: random. */
  readonly id?: string | undefined;
  /** What the others are told of this member. */
  readonly data?: Plain | undefined;
  /** Takes an id that another process has, whose membership then ends. Default: that is a `CONFLICT`. */
  readonly takeOver?: boolean | undefined;
  /** Default: the session that the whole process shares. With one of its own the membership ends when that does. */
  readonly session?: Session | undefined;
}

/** `joined`: the others see it; `recovering`: it is not known whether they do; `ended`: left, or taken over. */
export type MembershipStatus = 'joined' | 'recovering' | 'ended';

export interface MembershipEvents {
  /** After each change; `error`: why it is recovering or ended. */
  status: [status: MembershipStatus, error: ConclaveError | undefined];
}

/** One member of a group, for as long as its process lives. */
export class Membership implements AsyncDisposable {
  readonly id: string;
  readonly events = new EventEmitter<MembershipEvents>();
  /** Drawn for this membership: its entry on the store has it. */
  readonly owner: string;
  readonly #context: RecipeContext;
  readonly #what: string;
  readonly #options: JoinOptions;
  readonly #kept: KeptKey;
  #data: Plain;
  #gone = false;

  /** @internal `group.join` makes and starts them. */
  constructor(context: RecipeContext, folder: Folder, name: string, options: JoinOptions) {
    const { id = randomHex(context.runtime), data = null, takeOver } = options;
    checkId(id);
    this.id = id;
    this.owner = randomHex(context.runtime);
    encodeMember(context.identity, this.owner, data);
    this.#context = context;
    this.#what = `membership of ${JSON.stringify(id)} in ${JSON.stringify(name)}`;
    this.#options = options;
    this.#data = data;
    const wish = {
      key: memberKey(folder, id),
      session: () => context.sessions.ownOrCurrent(options.session),
      value: () => (this.#gone ? undefined : encodeMember(context.identity, this.owner, this.#data)),
      isOwn: (found: KeyValue) => decodeMember(id, found)?.owner === this.owner,
      takeOver,
    };
    this.#kept = new KeptKey(context, wish, (status, error) => this.#turned(status, error));
  }

  /** @internal Resolves when the others can see it. Whatever fails leaves nothing. */
  async start(): Promise<this> {
    try {
      await this.#kept.start(this.#what, this.#options);
    } catch (error) {
      void this.leave().catch(() => {});
      throw error;
    }
    return this;
  }

  get status(): MembershipStatus {
    const { status } = this.#kept;
    if (status === 'ended' || this.#gone) return 'ended';
    return status === 'kept' ? 'joined' : 'recovering';
  }

  /** Aborts when it has ended: `RELEASED`, `CONFLICT` (taken over), `SESSION_LOST`, `CLOSED`. */
  get signal(): AbortSignal {
    return this.#kept.signal;
  }

  /**
   * Changes what the others are told; resolves when the store has it, however long an outage lasts.
   * @throws ConclaveError `INVALID_ARGUMENT`; why it has ended.
   */
  async update(data: Plain): Promise<void> {
    encodeMember(this.#context.identity, this.owner, data);
    if (this.#gone) throw new ConclaveError('RELEASED', `${this.#what}: left`);
    this.#data = data;
    await this.#kept.changed();
  }

  /**
   * Resolves when the others see it no more. Idempotent.
   * @throws ConclaveError `TIMEOUT` (outcome unknown) when the store has not confirmed that within 5 s: it goes on
   * being tried.
   */
  async leave(): Promise<void> {
    this.#gone = true;
    await this.#kept.leave(new ConclaveError('RELEASED', `${this.#what}: left`));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  #turned(status: KeptKeyStatus, error: ConclaveError | undefined): void {
    if (status !== 'pending') callUser(() => this.events.emit('status', this.status, error));
  }
}
