import type { AuthEntry } from '../../store/auth-journal.js';
import type { KeyValue } from '../../store/messages.js';
import { authEntryTable } from './auth-entry.js';
import { readKeyValue, writeKeyValue } from './common.js';
import { type Field, fieldCodec, fieldTable, int64, repeated } from './fields.js';

/** Everything that a server holds, as of one revision. */
export interface Snapshot {
  readonly revision: bigint;
  readonly leases: readonly { readonly id: bigint; readonly ttlS: bigint }[];
  readonly kvs: readonly KeyValue[];
  readonly auth: AuthEntry;
}

const lease = fieldTable<{ readonly id: bigint; readonly ttlS: bigint }>({ id: int64(1), ttlS: int64(2) });

const auth: Field<AuthEntry> = {
  number: 4,
  absent: () => ({ revision: 1n, changes: [] }),
  write: (writer, value) => writer.message(4, value, authEntryTable.write),
  read: (reader) => reader.message(authEntryTable.read),
};

export const snapshotMessage = fieldCodec<Snapshot>({
  revision: int64(1),
  leases: repeated(2, lease),
  kvs: repeated(3, { write: writeKeyValue, read: readKeyValue }),
  auth,
});
