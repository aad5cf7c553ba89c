import type { Bytes } from '../core/bytes.js';

/** What a permission allows, as etcd numbers it. */
export const PermissionType = { read: 0, write: 1, readWrite: 2 } as const;

/** What a role may do with a key or a range of keys. */
export interface Permission {
  readonly permType: number;
  readonly key: Bytes;
  /** Exclusive. Empty: only `key`. `"\0"`: every key from `key` on. */
  readonly rangeEnd: Bytes;
}
