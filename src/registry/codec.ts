import type { Bytes } from '../core/bytes.js';
import { defaultWeight, type Entry, type InstanceSpec } from './instance.js';

/** What a codec is told besides the entry. */
export interface EntryName {
  readonly service: string;
  readonly id: string;
}

/** How entries are written, so that other systems can read them and theirs can be read. */
export interface RegistryCodec {
  readonly name: string;
  /** Where its services live on the store, in place of the registry's own root and namespace. */
  readonly root?: string | undefined;
  /** How a service's name stands in keys. Default: as it is. */
  readonly nameInKeys?: ((service: string) => string) | undefined;
  /**
   * Whether it can say that an instance is not to be called now. Without it an entry leaves the store for as long as
   * its instance is disabled, ill or draining.
   */
  readonly keepsState: boolean;
  encode(entry: Entry, name: EntryName): Bytes;
  /** @throws anything when `value` is no entry: it is skipped then, with a warning. */
  decode(value: Bytes, name: EntryName): Entry;
}

/** An entry with nothing known but what `spec` says. */
export function entryOf(spec: InstanceSpec, state: Partial<Entry> = {}): Entry {
  return {
    enabled: true,
    healthy: true,
    draining: false,
    warmUpMs: 0,
    ...spec,
    metadata: spec.metadata ?? {},
    weight: spec.weight ?? defaultWeight,
    ...state,
  };
}
