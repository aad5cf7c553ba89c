import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { hash32 } from '../core/hash.js';
import { below, type Folder } from './names.js';

/** What is shared: a set of items, or a ring of hashes in so many slots. All members must say the same. */
export type PartitionOptions = { readonly items: readonly string[] } | { readonly ring: number };

const itemsMax = 100_000;

/** What there is to share, and what it is called on the store. */
export interface Division {
  /** Sorted, without duplicates. */
  readonly items: readonly string[];
  /** 0: a set of items. Members of one partition must have the same. */
  readonly ring: number;
  /** The item that `key` falls to: a slot of the ring, or the item of that name. */
  itemOf(key: string): string;
  /** Where the places of all items are, in the folder of the partition. */
  folderIn(partition: Folder): Folder;
}

/** @throws ConclaveError `INVALID_ARGUMENT`. */
export function divisionOf(options: PartitionOptions): Division {
  const fields: object = Object(options);
  if ('ring' in fields === 'items' in fields) {
    throw new ConclaveError('INVALID_ARGUMENT', 'a partition has either `items` or `ring`');
  }
  return 'ring' in options ? ringOf(options.ring) : setOf(options.items);
}

/** The line of an item. Any text can name an item: what has a meaning in keys is escaped. */
export function itemPrefix(places: Folder, item: string): Bytes {
  return below(places, encodeURIComponent(item)).key;
}

/** The item whose line a key of `places` belongs to; undefined: none's. */
export function itemOfKey(rest: string): string | undefined {
  const [, name] = /^([^/]+)\/[0-9a-f]+\.[0-9a-f]{16}$/.exec(rest) ?? [];
  if (name === undefined) return undefined;
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

function setOf(given: readonly string[]): Division {
  const isText = (each: unknown) => typeof each === 'string' && each !== '' && !/\p{Surrogate}/u.test(each);
  if (!Array.isArray(given) || given.length === 0 || given.length > itemsMax || !given.every(isText)) {
    throw new ConclaveError('INVALID_ARGUMENT', `items must be 1 to ${itemsMax} strings, none of them empty`);
  }
  const items = [...new Set(given)].sort();
  return { items, ring: 0, itemOf: (key) => key, folderIn: (partition) => below(partition, 'items') };
}

function ringOf(slots: number): Division {
  if (!Number.isSafeInteger(slots) || slots < 1 || slots > itemsMax) {
    throw new ConclaveError('INVALID_ARGUMENT', `ring must be a whole number from 1 to ${itemsMax}, got ${slots}`);
  }
  return {
    items: Array.from({ length: slots }, (_, i) => `${i}`).sort(),
    ring: slots,
    itemOf: (key) => `${Math.floor((hash32(key) / 2 ** 32) * slots)}`,
    folderIn: (partition) => below(partition, `ring-${slots}`),
  };
}
