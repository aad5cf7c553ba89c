import { EventEmitter } from 'eventemitter3';
import { type WaitOptions, withDeadline } from '../core/abort.js';
import { callUser } from '../core/call-user.js';
import { ConclaveError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { assertObject, assertText } from '../core/given.js';
import type { RecipeContext } from '../line/context.js';
import type { TxnRequest } from '../store/messages.js';
import { MirrorChecks } from '../store/mirror-checks.js';
import { get, modifiedAt, rangeAt } from '../store/ops.js';
import { untilAnswered, untilDone } from '../store/repeat.js';
import type { RegistryCodec } from './codec.js';
import { goNaming } from './codecs/go-naming.js';
import { type DiscoverOptions, Discovery, type DiscoveryListener } from './discovery.js';
import type { Instance } from './instance.js';
import { allServices, entryKey, oneService } from './names.js';
import { type RegisterOptions, type RegisterSpec, Registration } from './registration.js';
import { SavedInstances } from './saved-instances.js';
import type { ViewSpec } from './service-view.js';
import { SharedViews } from './shared-views.js';

export interface FormatOptions {
  /** How entries are written and read. Default: Go's `naming/endpoints`. */
  readonly codec?: RegistryCodec | undefined;
}

export interface RegistryEvents {
  /** An entry could not be read, or a filter threw at it, and is left out. */
  unreadable: [key: string, error: unknown];
  /** A `snapshotFile` could not be read or written: that endangers nothing but the next start without the store. */
  snapshotFailed: [path: string, error: unknown];
}

/** The services of one namespace. README.md beside this file says what it promises. */
export class Registry {
  readonly events = new EventEmitter<RegistryEvents>();
  readonly #context: RecipeContext;
  readonly #files: Files;
  readonly #checks: MirrorChecks;
  readonly #views: SharedViews;
  readonly #leaveOut = (key: string, error: unknown) => callUser(() => this.events.emit('unreadable', key, error));

  constructor(context: RecipeContext, files: Files) {
    this.#context = context;
    this.#files = files;
    this.#checks = new MirrorChecks(context.store, context.runtime);
    this.#views = new SharedViews(context, this.#checks, this.#leaveOut);
  }

  /**
   * Registers an instance and keeps it registered; resolves when others can find it. An abort or timeout leaves nothing
   * behind.
   * @throws `signal.reason` itself; ConclaveError `CONFLICT` when another process has the id, `INVALID_ARGUMENT`,
   * `INVALID_NAME`, `TIMEOUT`, what the store refuses for good.
   */
  async register(spec: RegisterSpec, options: RegisterOptions & FormatOptions = {}): Promise<Registration> {
    assertObject('what is to be registered', spec);
    options.signal?.throwIfAborted();
    const { codec = goNaming, ...rest } = options;
    return new Registration(this.#context, this.#checks, codec, spec, rest).start();
  }

  /**
   * The instances of `service`, from now until `close()`; `ready()` says when the first list is there. All who discover
   * the same service in this process share one watch.
   * @throws ConclaveError `INVALID_NAME`, `INVALID_ARGUMENT`.
   */
  discover(service: string, options: DiscoverOptions & FormatOptions = {}): Discovery {
    const { codec = goNaming, ...rest } = options;
    return this.#discovery(service, oneService(this.#context, codec, service), rest);
  }

  /**
   * The same for all services whose names begin with `prefix`, over one watch. Default: all.
   * @throws ConclaveError `INVALID_ARGUMENT`.
   */
  discoverAll(prefix = '', options: DiscoverOptions & FormatOptions = {}): Discovery {
    assertText('a prefix', prefix);
    const { codec = goNaming, ...rest } = options;
    return this.#discovery(`${prefix}*`, allServices(this.#context, codec, prefix), rest);
  }

  /**
   * Switches an instance off, or on again, whoever registered it: an operator's word, which the instance takes up and
   * keeps through its recoveries. False: there is no such instance.
   * @throws ConclaveError `UNSUPPORTED` when the format, or a foreign entry, has no room for it.
   */
  setEnabled(
    service: string,
    id: string,
    enabled: boolean,
    options: WaitOptions & FormatOptions = {},
  ): Promise<boolean> {
    const { codec = goNaming, ...wait } = options;
    if (!codec.keepsState) {
      return Promise.reject(unsupported(`entries of ${codec.name} cannot say that an instance is off: drain it there`));
    }
    const what = `switch of ${JSON.stringify(id)} in ${JSON.stringify(service)}`;
    return withDeadline(this.#context.runtime, what, { timeoutMs: 5_000, ...wait }, (signal) =>
      this.#switch(codec, service, id, enabled, signal),
    );
  }

  #discovery(service: string, spec: ViewSpec, options: DiscoverOptions): Discovery {
    const subscribe = (listener: DiscoveryListener) => this.#views.subscribe(spec, listener);
    const filter = options.filter && this.#sparing(options.filter);
    return new Discovery(
      this.#context.runtime,
      service,
      subscribe,
      { ...options, filter },
      this.#savedAt(spec, options),
    );
  }

  /** An entry that a filter cannot take, as one of somebody else's without some metadata, is as one that is none. */
  #sparing(filter: (instance: Instance) => boolean): (instance: Instance) => boolean {
    return (instance) => {
      try {
        return filter(instance);
      } catch (error) {
        this.#leaveOut(instance.key, error);
        return false;
      }
    };
  }

  #savedAt(spec: ViewSpec, { snapshotFile: path, startWaitMs }: DiscoverOptions): SavedInstances | undefined {
    if (path === undefined) return undefined;
    const onFailure = (error: unknown) => callUser(() => this.events.emit('snapshotFailed', path, error));
    return new SavedInstances(this.#context.runtime, this.#files, spec, { path, startWaitMs, onFailure });
  }

  async #switch(
    codec: RegistryCodec,
    service: string,
    id: string,
    enabled: boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { store, runtime } = this.#context;
    const key = entryKey(this.#context, codec, service, id);
    let [found] = (await untilAnswered(runtime, signal, () => store.range({ key }, { signal }))).kvs;
    // Bounded by `signal`: each further turn is for somebody else who has written the entry.
    while (found !== undefined) {
      const { value, modRevision } = found;
      const entry = codec.decode(value, { service, id });
      if (entry.owner === undefined) throw unsupported(`the entry of ${id} is foreign: nobody would take it up`);
      if (entry.enabled === enabled) return true;
      const changed = codec.encode({ ...entry, enabled }, { service, id });
      const request: TxnRequest = {
        compare: [modifiedAt(key, modRevision)],
        success: [{ type: 'put', request: { key, value: changed, ignoreLease: true } }],
        failure: [get(key)],
      };
      const txn = await untilDone(runtime, signal, () => store.txn(request, { signal }));
      if (txn.succeeded) return true;
      [found] = rangeAt(txn, 0).kvs;
    }
    return false;
  }
}

function unsupported(message: string): ConclaveError {
  return new ConclaveError('UNSUPPORTED', message);
}
