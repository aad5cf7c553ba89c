import { type Bytes, noBytes } from '../../core/bytes.js';
import type { RoleRecord } from '../../store/auth-journal.js';
import type { KeyValue } from '../../store/messages.js';
import { permission } from './auth.js';
import { readKeyValue, writeKeyValue } from './common.js';
import { bool, bytes, fieldCodec, fieldTable, int64, optional, repeated, text, texts } from './fields.js';
import { messageCodec } from './message-codec.js';

/** What etcd keeps in its database: `mvccpb.KeyValue`, `leasepb.Lease`, `authpb.User` and `authpb.Role`. */
export const storedKeyValue = messageCodec<KeyValue>(writeKeyValue, readKeyValue);

export const storedLease = fieldCodec<{ readonly id: bigint; readonly ttlS: bigint }>({ id: int64(1), ttlS: int64(2) });

export interface StoredUser {
  readonly name: string;
  readonly password: Bytes;
  readonly roles: readonly string[];
  readonly options: { readonly noPassword: boolean } | undefined;
}

export const storedUser = fieldCodec<StoredUser>({
  name: text(1),
  password: bytes(2),
  roles: texts(3),
  options: optional(4, fieldTable({ noPassword: bool(1) })),
});

export const storedRole = fieldCodec<RoleRecord>({ name: text(1), permissions: repeated(2, permission) });

/** What is kept of a deletion. */
export function tombstoneOf(key: Bytes): KeyValue {
  return { key, createRevision: 0n, modRevision: 0n, version: 0n, value: noBytes, lease: 0n };
}
