import { type Bytes, utf8Text } from '../core/bytes.js';
import type { ConclaveError } from '../core/errors.js';
import { deepFreeze } from '../core/plain.js';
import { SortedMap } from '../core/sorted-map.js';
import type { SessionContext } from '../lease/session.js';
import type { KeyValue } from '../store/messages.js';
import { Mirror, type MirrorChange } from '../store/mirror.js';
import type { MirrorChecks } from '../store/mirror-checks.js';
import type { EntryName, RegistryCodec } from './codec.js';
import type { Entry, Instance } from './instance.js';
import type { InstanceChange, InstancesChange } from './instances-change.js';

/** What a view shows. */
export interface ViewSpec {
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
  readonly codec: RegistryCodec;
  /** Whose entry a key holds; undefined: nobody's that is to be shown. */
  nameOf(key: Bytes): EntryName | undefined;
}

export interface ViewListener {
  onChange(change: InstancesChange): void;
  /** An entry that cannot be read: it is left out. */
  onUnreadable(key: string, error: unknown): void;
  onEnd(error: ConclaveError): void;
}

/**
 * The entries below one prefix as instances, at one revision: one range and one watch, however many look at it. What a
 * change costs is what it changes; the list as a whole is put together when somebody asks for it.
 */
export class ServiceView {
  readonly #spec: ViewSpec;
  readonly #mirror: Mirror;
  readonly #listener: ViewListener;
  readonly #instances = new SortedMap<Instance>();

  constructor({ store, runtime }: SessionContext, checks: MirrorChecks, spec: ViewSpec, listener: ViewListener) {
    this.#spec = spec;
    this.#listener = listener;
    this.#mirror = new Mirror(
      store,
      runtime,
      { key: spec.key, rangeEnd: spec.rangeEnd },
      {
        onChange: (change) => this.#apply(change),
        onEnd: (error) => listener.onEnd(error),
      },
      checks,
    );
  }

  /** Begins; the function returned ends it. */
  start(): () => void {
    return this.#mirror.start();
  }

  /** 0n: nothing is known yet. */
  get revision(): bigint {
    return this.#mirror.revision;
  }

  /** Milliseconds since the store was last heard. */
  get silentMs(): number {
    return this.#mirror.silentMs;
  }

  /** What the store has, by key, one char per byte. */
  get items(): ReadonlyMap<string, KeyValue> {
    return this.#mirror.items;
  }

  get size(): number {
    return this.#instances.size;
  }

  /** In the order of their keys; the same array until something changes. */
  get instances(): readonly Instance[] {
    return this.#instances.values;
  }

  #apply({ revision, keys, resync }: MirrorChange): void {
    const joined: Instance[] = [];
    const left: Instance[] = [];
    const changed: InstanceChange[] = [];
    for (const { key, after: kv } of keys) {
      const before = this.#instances.get(key);
      const after = kv === undefined ? undefined : this.#read(kv, key);
      if (after === undefined) this.#instances.delete(key);
      else this.#instances.set(key, after);
      if (before === undefined && after !== undefined) joined.push(after);
      if (before !== undefined && after === undefined) left.push(before);
      if (before !== undefined && after !== undefined) changed.push({ before, after });
    }
    this.#listener.onChange({ revision, resync, joined, left, changed });
  }

  #read(kv: KeyValue, key: string): Instance | undefined {
    try {
      return instanceOf(this.#spec, kv, key);
    } catch (error) {
      this.#listener.onUnreadable(utf8Text(kv.key), error);
      return undefined;
    }
  }
}

/**
 * Undefined: nobody's entry that is to be shown. Throws when it is none that can be read. `known`: the key as text that
 * is kept already, which then is not kept twice.
 */
export function instanceOf({ codec, nameOf }: ViewSpec, kv: KeyValue, known = ''): Instance | undefined {
  const name = nameOf(kv.key);
  if (name === undefined) return undefined;
  const key = utf8Text(kv.key);
  return instanceAt(codec.decode(kv.value, name), name, key === known ? known : key, kv);
}

/** Member by member: thousands at once are made so, and spreading takes five times as long. */
function instanceAt(entry: Entry, { service, id }: EntryName, key: string, kv: KeyValue): Instance {
  return Object.freeze({
    service,
    id,
    key,
    address: entry.address,
    metadata: deepFreeze(entry.metadata),
    weight: entry.weight,
    zone: entry.zone,
    version: entry.version,
    protocol: entry.protocol,
    enabled: entry.enabled,
    healthy: entry.healthy,
    draining: entry.draining,
    warmUpMs: entry.warmUpMs,
    startedAtMs: entry.startedAtMs,
    owner: entry.owner,
    leaseId: kv.lease,
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
  });
}
