import { EventEmitter } from 'eventemitter3';
import { abortable, onAbort, pause, type WaitOptions, within } from '../core/abort.js';
import { type Bytes, utf8Text } from '../core/bytes.js';
import { callUser } from '../core/call-user.js';
import { ConclaveError } from '../core/errors.js';
import { Health, type HealthOptions, type HealthProbe } from '../core/health.js';
import { randomHex } from '../core/runtime.js';
import { KeptKey, type KeptKeyStatus } from '../lease/kept-key.js';
import type { Session } from '../lease/session.js';
import type { RecipeContext } from '../line/context.js';
import type { KeyValue } from '../store/messages.js';
import type { MirrorChecks } from '../store/mirror-checks.js';
import { entryOf, type RegistryCodec } from './codec.js';
import { checkId, checkSpec, type Entry, type InstanceSpec, isAvailable } from './instance.js';
import { entryKey } from './names.js';

/** What `register` takes. */
export interface RegisterSpec extends InstanceSpec {
  readonly service: string;
  /** Unique within the service, without `/`. Default: random. */
  readonly id?: string | undefined;
}

export interface RegisterOptions extends WaitOptions {
  /** Default: the session that the whole process shares. With one of its own the registration ends when that does. */
  readonly session?: Session | undefined;
  /**
   * Takes an id that another process has, whose registration then ends; so does an instance that restarts under the id
   * of its last life. Default: that is a `CONFLICT`.
   */
  readonly takeOver?: boolean | undefined;
  /** Tells whether the instance is well. Until it first says so, and while it does not, the instance is not called. */
  readonly health?: HealthProbe | HealthOptions | undefined;
  /** How long its share of the calls grows from a tenth to the whole, in milliseconds. Default: 0. */
  readonly warmUpMs?: number | undefined;
  /** How long `deregister()` lets callers turn away before the entry goes, in milliseconds. Default: 0. */
  readonly drainMs?: number | undefined;
}

/**
 * `registered`: callers find it; `recovering`: it is not known whether they do, and it is being put there again;
 * `draining`: they find it and do not call it; `ended`: given up, or taken over by somebody else.
 */
export type RegistrationStatus = 'registered' | 'recovering' | 'draining' | 'ended';

export interface RegistrationEvents {
  /** After each change; `error`: why it is recovering or ended. */
  status: [status: RegistrationStatus, error: ConclaveError | undefined];
  /** The probe found it well again, or ill. */
  health: [healthy: boolean];
  /** An operator has switched it on, or off. */
  enabled: [enabled: boolean];
}

/**
 * How long `deregister()` waits until callers can know that it was given up, before the entry goes, in milliseconds.
 */
const goodbyeMs = 1_000;

/** One instance of a service, kept on the store for as long as its process lives. */
export class Registration implements AsyncDisposable {
  readonly service: string;
  readonly id: string;
  /** Of the entry, on the store. */
  readonly key: string;
  readonly events = new EventEmitter<RegistrationEvents>();
  readonly #context: RecipeContext;
  readonly #codec: RegistryCodec;
  readonly #options: RegisterOptions;
  readonly #kept: KeptKey;
  #health: Health | undefined;
  /** Of every session that the entry has hung on. */
  readonly #leases = new Set<bigint>();
  #entry: Entry;
  /** What callers are to be told, and what of it the store has taken last. */
  #wished: InstanceSpec;
  #accepted: InstanceSpec;
  #leaving: Promise<void> | undefined;
  /** The entry is to go. */
  #gone = false;
  #told: RegistrationStatus | undefined;

  /** @internal `registry.register` makes and starts them. */
  constructor(
    context: RecipeContext,
    checks: MirrorChecks,
    codec: RegistryCodec,
    spec: RegisterSpec,
    options: RegisterOptions,
  ) {
    const { service, id = randomHex(context.runtime), ...rest } = spec;
    checkSpec(rest);
    checkId(id);
    checkDurations(options);
    this.service = service;
    this.id = id;
    this.#context = context;
    this.#codec = codec;
    this.#options = options;
    const { health, warmUpMs = 0 } = options;
    const owner = randomHex(context.runtime);
    const startedAtMs = Math.round(context.runtime.wallMs());
    this.#wished = this.#accepted = rest;
    this.#entry = entryOf(rest, { owner, startedAtMs, warmUpMs, healthy: health === undefined });
    const key = entryKey(context, codec, service, id);
    this.key = utf8Text(key);
    const wish = {
      key,
      session: () => this.#session(),
      value: () => this.#value(),
      isOwn: (found: KeyValue) => this.#isOwn(found),
      adopt: (value: Bytes) => this.#adopt(value),
      takeOver: options.takeOver,
      checks,
    };
    this.#kept = new KeptKey(context, wish, (status, error) => this.#turned(status, error));
  }

  /** @internal Resolves when it is on the store. */
  async start(): Promise<this> {
    const { health } = this.#options;
    if (health !== undefined) this.#follow(new Health(this.#context.runtime, health)).catch(() => {});
    const what = `registration of ${JSON.stringify(this.id)} in ${JSON.stringify(this.service)}`;
    try {
      await this.#kept.start(what, this.#options);
    } catch (error) {
      // Whatever it was, nothing of it may stay.
      this.#health?.stop();
      if (this.status !== 'ended') void this.#leave().catch(() => {});
      throw error;
    }
    return this;
  }

  get status(): RegistrationStatus {
    const { status } = this.#kept;
    if (status === 'ended' || this.#gone) return 'ended';
    if (status !== 'kept') return 'recovering';
    return this.#entry.draining ? 'draining' : 'registered';
  }

  /** Aborts when the registration has ended: `RELEASED`, `CONFLICT` (taken over), `SESSION_LOST`, `CLOSED`. */
  get signal(): AbortSignal {
    return this.#kept.signal;
  }

  /** What callers are told, once the store has it. */
  get entry(): Entry {
    return this.#entry;
  }

  /**
   * Changes what callers are told; resolves when the store has it, however long an outage lasts.
   * @throws ConclaveError `INVALID_ARGUMENT`; what the store refuses it with, as `RESOURCE_EXHAUSTED` for more than it
   * takes: then nothing is changed; why it has ended.
   */
  async update(change: Partial<InstanceSpec>): Promise<void> {
    const { address, metadata, weight, zone, version, protocol } = { ...this.#entry, ...change };
    const spec = { address, metadata, weight, zone, version, protocol };
    checkSpec(spec);
    this.#wished = spec;
    try {
      await this.#write(entryOf(spec, stateOf(this.#entry)));
      this.#accepted = spec;
    } catch (error) {
      if (this.#wished === spec && !this.signal.aborted) this.#takeBack();
      throw error;
    }
  }

  /** Callers turn away; the entry stays. Resolves when the store has it. */
  async drain(): Promise<void> {
    await this.#write({ draining: true });
  }

  /**
   * Drains for `drainMs`, then leaves; resolves when the entry is gone. Idempotent.
   * @throws ConclaveError `TIMEOUT` (outcome unknown) when the store has not confirmed that within 5 s: it goes on
   * being tried.
   */
  deregister(options: { readonly drainMs?: number | undefined } = {}): Promise<void> {
    this.#leaving ??= this.#depart(options.drainMs ?? this.#options.drainMs ?? 0);
    return this.#leaving;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.signal.aborted ? Promise.resolve() : this.deregister();
  }

  async #depart(drainMs: number): Promise<void> {
    const { runtime } = this.#context;
    this.#health?.stop();
    // Also without a time for it: one that vanishes unsaid may be taken for lost, and kept (`mass-expiry.ts`).
    if (drainMs > 0 || (this.#codec.keepsState && this.status === 'registered')) {
      const draining = this.#write({ draining: true }).catch(() => {});
      if (drainMs > 0) await pause(runtime, drainMs, this.signal).catch(() => {});
      else await within(runtime, goodbyeMs, draining);
    }
    await this.#leave();
  }

  async #leave(): Promise<void> {
    if (this.signal.aborted) return;
    this.#gone = true;
    await this.#kept.leave(new ConclaveError('RELEASED', `${this.key}: deregistered`));
  }

  #value(): Bytes | undefined {
    if (this.#gone || (!this.#codec.keepsState && !isAvailable(this.#entry))) return undefined;
    return this.#codec.encode(this.#entry, this);
  }

  async #write(change: Partial<Entry>): Promise<void> {
    if (this.#gone) throw new ConclaveError('RELEASED', `${this.key}: deregistered`);
    this.#entry = { ...this.#entry, ...change };
    if (this.#told !== undefined) this.#tell();
    await this.#kept.changed();
  }

  /** What the store has refused would be in the way of whatever else is to be told. */
  #takeBack(): void {
    this.#write(entryOf(this.#accepted, stateOf(this.#entry))).catch(() => {});
  }

  async #follow(health: Health): Promise<void> {
    this.#health = health;
    // Bounded by the end of the registration.
    for (;;) {
      const well = await health.whenHealthy(this.signal);
      this.#felt(true);
      await abortable(new Promise<void>((resolve) => onAbort(well, () => resolve())), this.signal);
      this.#felt(false);
    }
  }

  #felt(healthy: boolean): void {
    if (this.signal.aborted || this.#gone) return;
    this.#write({ healthy }).catch(() => {});
    callUser(() => this.events.emit('health', healthy));
  }

  /** Foreign formats have no room for the owner: there the lease tells. */
  #isOwn({ value, lease }: KeyValue): boolean {
    try {
      const { owner } = this.#codec.decode(value, this);
      return owner === undefined ? this.#leases.has(lease) : owner === this.#entry.owner;
    } catch {
      return false;
    }
  }

  /** An operator may have switched the instance off or on: all that anybody else has a say in. */
  #adopt(value: Bytes): void {
    const { owner, enabled } = this.#codec.decode(value, this);
    if (owner === undefined || enabled === this.#entry.enabled) return;
    this.#entry = { ...this.#entry, enabled };
    callUser(() => this.events.emit('enabled', enabled));
  }

  #session(): Session {
    const session = this.#context.sessions.ownOrCurrent(this.#options.session);
    this.#leases.add(session.leaseId);
    return session;
  }

  #turned(status: KeptKeyStatus, error: ConclaveError | undefined): void {
    if (status === 'ended') this.#health?.stop();
    // Until it has been on the store once, nothing is told: `register` rejects.
    if (this.#told !== undefined || status === 'kept') this.#tell(error);
  }

  #tell(error?: ConclaveError): void {
    const now = this.status;
    if (now === this.#told) return;
    this.#told = now;
    callUser(() => this.events.emit('status', now, error));
  }
}

/** What of an entry is not the caller's to describe. */
function stateOf({ owner, enabled, healthy, draining, warmUpMs, startedAtMs }: Entry): Partial<Entry> {
  return { owner, enabled, healthy, draining, warmUpMs, startedAtMs };
}

function checkDurations({ warmUpMs, drainMs }: RegisterOptions): void {
  for (const [name, value] of Object.entries({ warmUpMs, drainMs })) {
    if (value !== undefined && !(value >= 0 && Number.isFinite(value))) {
      throw new ConclaveError(
        'INVALID_ARGUMENT',
        `${name} must be a number of milliseconds of at least 0, got ${value}`,
      );
    }
  }
}
