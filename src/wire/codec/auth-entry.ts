import type { AuthChange, AuthEntry, RoleRecord, UserRecord } from '../../store/auth-journal.js';
import { permission } from './auth.js';
import type { Codec } from './codec.js';
import { bool, bytes, type FieldTable, fieldTable, repeated, text, texts } from './fields.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** For logs and snapshots: a message of which every field but the first is a change, in order. */
const Field = { revision: 1, enabled: 2, userSet: 3, userDeleted: 4, roleSet: 5, roleDeleted: 6 } as const;

const enabled = fieldTable<{ enabled: boolean }>({ enabled: bool(1) });
const user = fieldTable<UserRecord>({ name: text(1), passwordHash: bytes(2), noPassword: bool(3), roles: texts(4) });
const role = fieldTable<RoleRecord>({ name: text(1), permissions: repeated(2, permission) });
const named = fieldTable<{ name: string }>({ name: text(1) });

export const authEntryTable: FieldTable<AuthEntry> = { write: writeEntry, read: readEntry };
export const authEntry: Codec<AuthEntry> = messageCodec(writeEntry, readEntry);

function writeEntry(writer: Writer, entry: AuthEntry): void {
  writer.int64(Field.revision, entry.revision);
  for (const change of entry.changes) writeChange(writer, change);
}

function writeChange(writer: Writer, change: AuthChange): void {
  switch (change.type) {
    case 'enabled':
      writer.message(Field.enabled, change, enabled.write);
      break;
    case 'userSet':
      writer.message(Field.userSet, change.user, user.write);
      break;
    case 'userDeleted':
      writer.message(Field.userDeleted, change, named.write);
      break;
    case 'roleSet':
      writer.message(Field.roleSet, change.role, role.write);
      break;
    case 'roleDeleted':
      writer.message(Field.roleDeleted, change, named.write);
      break;
  }
}

function readEntry(reader: Reader): AuthEntry {
  let revision = 0n;
  const changes: AuthChange[] = [];
  while (reader.next()) {
    if (reader.field === Field.revision) revision = reader.int64();
    else changes.push(readChange(reader));
  }
  return { revision, changes };
}

/** Throws where a newer version wrote something that this one does not know: it must not be lost silently. */
function readChange(reader: Reader): AuthChange {
  switch (reader.field) {
    case Field.enabled:
      return { type: 'enabled', enabled: reader.message(enabled.read).enabled };
    case Field.userSet:
      return { type: 'userSet', user: reader.message(user.read) };
    case Field.userDeleted:
      return { type: 'userDeleted', name: reader.message(named.read).name };
    case Field.roleSet:
      return { type: 'roleSet', role: reader.message(role.read) };
    case Field.roleDeleted:
      return { type: 'roleDeleted', name: reader.message(named.read).name };
    default:
      throw new Error(`a change of users and roles of kind ${reader.field} is unknown`);
  }
}
