import { abortable, type WaitOptions, withDeadline } from '../core/abort.js';
import { deferredOnce } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { rendezvousScore } from '../core/hash.js';
import { Readers } from '../core/readers.js';
import { type Runtime, randomHex } from '../core/runtime.js';
import { defaultStaleAfterMs } from '../store/freshness.js';
import { Balancer, type Pick, type PickOptions } from './balancer.js';
import type { EjectionOptions } from './ejection.js';
import { type Instance, isAvailable } from './instance.js';
import { difference, filtered, type InstancesChange, keeping } from './instances-change.js';
import { MassExpiry, type MassExpiryOptions } from './mass-expiry.js';
import type { SavedInstances, SavedList } from './saved-instances.js';
import type { ServiceView } from './service-view.js';
import { powerOfTwo } from './strategies/power-of-two.js';
import { zoneFirst } from './strategies/zone-first.js';
import type { Strategy } from './strategy.js';

export interface DiscoverOptions {
  /** Only instances for which this is true. One at which it throws is left out, with an event `unreadable`. */
  readonly filter?: ((instance: Instance) => boolean) | undefined;
  /** The zone of this process: instances there come first. */
  readonly zone?: string | undefined;
  /** Only that many of the instances, others for other callers: for services of hundreds. Default: all. */
  readonly subset?: number | undefined;
  /** Which instance a call goes to. Default: `powerOfTwo()`. */
  readonly strategy?: Strategy | undefined;
  /** When instances whose calls fail are put aside; false: never. */
  readonly ejection?: EjectionOptions | false | undefined;
  /** When instances that vanish together are kept; false: never. */
  readonly massExpiry?: MassExpiryOptions | false | undefined;
  /** A list is `stale` when the store has not been heard for that long, in milliseconds. Default: 15,000. */
  readonly staleAfterMs?: number | undefined;
  /**
   * Where the list is kept on disk. If the store has not answered within `startWaitMs` of the start, that counts, and
   * is `stale`, until it does. Connect with `lazy`, or `connect()` itself waits for the store.
   */
  readonly snapshotFile?: string | undefined;
  /** How long the store's first word is waited for before `snapshotFile` counts. Default: 2,000. */
  readonly startWaitMs?: number | undefined;
}

/** A share in a view that many look at. */
export interface Subscription {
  readonly view: ServiceView;
  unsubscribe(): void;
}

export interface DiscoveryListener {
  onChange(change: InstancesChange): void;
  onEnd(error: ConclaveError): void;
}

/** A reader that falls this many changes behind loses the oldest, never the newest. */
const changesLimit = 1024;

/** The instances of one service, kept up to date, and a balancer over them. */
export class Discovery implements AsyncDisposable {
  readonly service: string;
  readonly #runtime: Runtime;
  readonly #options: DiscoverOptions;
  readonly #subscription: Subscription;
  readonly #balancer: Balancer;
  readonly #massExpiry: MassExpiry | undefined;
  readonly #saved: SavedInstances | undefined;
  readonly #self: string;
  readonly #ready = deferredOnce();
  readonly #readers = new Readers<InstancesChange>(changesLimit);
  #stopTimer: () => void = () => {};
  /** The list as last put together; undefined: not since the last change. */
  #list: readonly Instance[] | undefined;
  #available: readonly Instance[] | undefined;
  /** What counts until the store's first word: from the disk. */
  #restored: readonly Instance[] | undefined;
  #revision = 0n;
  #over: ConclaveError | undefined;

  /** @internal `registry.discover` makes them. */
  constructor(
    runtime: Runtime,
    service: string,
    subscribe: (listener: DiscoveryListener) => Subscription,
    options: DiscoverOptions,
    saved?: SavedInstances,
  ) {
    checkOptions(options);
    this.#runtime = runtime;
    this.service = service;
    this.#options = options;
    this.#self = randomHex(runtime);
    const { strategy = powerOfTwo(), zone, ejection = {}, massExpiry = {} } = options;
    this.#balancer = new Balancer(runtime, zone === undefined ? strategy : zoneFirst(zone, strategy), ejection);
    this.#massExpiry = massExpiry === false ? undefined : new MassExpiry(massExpiry);
    this.#saved = saved;
    // Nobody may be waiting when it ends.
    this.#ready.promise.catch(() => {});
    this.#subscription = subscribe({
      onChange: (change) => this.#changed(change),
      onEnd: (error) => this.#end(error),
    });
    const { revision, instances } = this.#subscription.view;
    if (revision !== 0n) this.#changed({ revision, resync: false, joined: instances, left: [], changed: [] });
    else this.#saved?.start((list) => this.#restore(list));
  }

  /** A frozen list at one revision, in the order of the keys; empty before the first word from the store. */
  get instances(): readonly Instance[] {
    this.#list ??= this.#chosen();
    return this.#list;
  }

  /** Those that calls should go to. */
  get available(): readonly Instance[] {
    this.#available ??= availableOf(this.instances);
    return this.#available;
  }

  /** Of the last change that was shown; 0n: nothing is known yet. */
  get revision(): bigint {
    return this.#revision;
  }

  /** Instances that are shown though their entries vanished, since most others vanished with them. */
  get kept(): readonly Instance[] {
    return [...(this.#massExpiry?.kept.values() ?? [])].map(({ instance }) => instance).sort(byKey);
  }

  /** Milliseconds since the store was last heard: what is shown may be that old. */
  get staleMs(): number {
    return this.#subscription.view.silentMs;
  }

  /** Whether the list may be out of date: nothing was heard for long, it is from disk, or vanished ones are kept. */
  get stale(): boolean {
    const silent = this.staleMs > (this.#options.staleAfterMs ?? defaultStaleAfterMs);
    return silent || this.#keepsSome || this.#restored !== undefined;
  }

  /**
   * Resolves when the first list is there.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `CLOSED`, what the store refuses.
   */
  ready(options: WaitOptions = {}): Promise<void> {
    const what = `instances of ${JSON.stringify(this.service)}`;
    return withDeadline(this.#runtime, what, options, (signal) => abortable(this.#ready.promise, signal));
  }

  /**
   * Every change from this call on, in order. An abort throws `signal.reason`; a reader that is slow misses the oldest.
   */
  changes(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<InstancesChange, void, undefined> {
    return this.#readers.read(options.signal);
  }

  /**
   * An instance for one call; say `done` when it has ended.
   * @throws ConclaveError `UNAVAILABLE` (it may pass) when none can be called.
   */
  pick(options: PickOptions = {}): Pick {
    return this.#balancer.pick(JSON.stringify(this.service), this.available, options);
  }

  /** Gives everything back. Idempotent. */
  close(): void {
    this.#end(new ConclaveError('CLOSED', `the discovery of ${this.service} was closed`));
  }

  /** Resolves when the list is on disk, if it is to be. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#saved?.close();
  }

  #changed(change: InstancesChange): void {
    const { view } = this.#subscription;
    const massExpiry = this.#massExpiry;
    if (this.#restored !== undefined) this.#replaceRestored(change.revision, this.#restored, view.instances);
    else this.#show(massExpiry === undefined ? change : keeping(massExpiry, change, view.size, this.#now()));
    // A list that is most likely wrong is not for the next start.
    if (!this.#keepsSome) this.#saved?.changed(view);
  }

  #restore({ revision, instances }: SavedList): void {
    if (this.#over !== undefined) return;
    this.#restored = instances;
    this.#show({ revision, resync: false, joined: instances, left: [], changed: [] });
  }

  /** The store's word is newer, whatever it is: nobody is kept. */
  #replaceRestored(revision: bigint, before: readonly Instance[], after: readonly Instance[]): void {
    this.#restored = undefined;
    this.#show({ revision, resync: true, ...difference(before, after) });
  }

  get #keepsSome(): boolean {
    return (this.#massExpiry?.kept.size ?? 0) > 0;
  }

  /** Those that were kept long enough go. */
  #release(): void {
    const left = this.#massExpiry?.due(this.#now()) ?? [];
    this.#show({ revision: this.#revision, resync: false, joined: [], left, changed: [] });
  }

  /** What a subset shows moves with all of the list, so that it has to be compared as a whole. */
  #show(change: InstancesChange): void {
    const { subset, filter } = this.#options;
    const before = this.#list ?? [];
    this.#list = undefined;
    this.#available = undefined;
    if (subset === undefined) this.#tell(filtered(change, filter));
    else this.#tell({ ...change, ...difference(before, this.instances) });
    this.#armRelease();
  }

  #tell(change: InstancesChange): void {
    const whole = this.#revision === 0n || change.resync;
    this.#revision = change.revision;
    this.#balancer.changed(change, whole);
    this.#ready.resolve();
    if (change.joined.length + change.left.length + change.changed.length === 0) return;
    this.#readers.tell(change);
  }

  #now(): number {
    return this.#runtime.monotonicMs();
  }

  #chosen(): readonly Instance[] {
    const { filter, subset } = this.#options;
    const all = this.#restored ?? (this.#keepsSome ? this.#withKept() : this.#subscription.view.instances);
    const wanted = filter === undefined ? all : Object.freeze(all.filter(filter));
    if (subset === undefined || wanted.length <= subset) return wanted;
    const scored = wanted.map((each) => ({ each, score: rendezvousScore(this.#self, each.key) }));
    scored.sort((a, b) => b.score - a.score);
    const mine = new Set(scored.slice(0, subset).map(({ each }) => each));
    return Object.freeze(wanted.filter((each) => mine.has(each)));
  }

  #withKept(): readonly Instance[] {
    return Object.freeze([...this.#subscription.view.instances, ...this.kept].sort(byKey));
  }

  #armRelease(): void {
    this.#stopTimer();
    const dueInMs = this.#massExpiry?.dueInMs(this.#now());
    if (dueInMs === undefined || this.#over !== undefined) return;
    this.#stopTimer = this.#runtime.setTimer(dueInMs, () => this.#release());
  }

  #end(error: ConclaveError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#stopTimer();
    this.#subscription.unsubscribe();
    void this.#saved?.close();
    this.#ready.reject(error);
    this.#readers.end(error);
  }
}

/** The list itself where that is all of it. */
function availableOf(all: readonly Instance[]): readonly Instance[] {
  const found: Instance[] = [];
  // Not `filter`, which takes four times as long for a frozen array.
  for (const each of all) if (isAvailable(each)) found.push(each);
  return found.length === all.length ? all : Object.freeze(found);
}

function byKey(a: Instance, b: Instance): number {
  return a.key < b.key ? -1 : 1;
}

function checkOptions({ subset, staleAfterMs, startWaitMs }: DiscoverOptions): void {
  for (const [name, value] of Object.entries({ subset, staleAfterMs, startWaitMs })) {
    if (value === undefined || value > 0) continue;
    throw new ConclaveError('INVALID_ARGUMENT', `${name} must be a number above 0, got ${value}`);
  }
}
