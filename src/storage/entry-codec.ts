import { latin1, noBytes } from '../core/bytes.js';
import type { Alarm } from '../engine/alarm-set.js';
import type { JournalEntry } from '../engine/journal.js';
import type { Change } from '../engine/key-record.js';
import type { KeyValue } from '../store/messages.js';
import { authEntry, authEntryTable } from '../wire/codec/auth-entry.js';
import { readKeyValue, writeKeyValue } from '../wire/codec/common.js';
import type { Reader } from '../wire/codec/reader.js';
import type { Writer } from '../wire/codec/writer.js';

/** The payload of a record is a protobuf message; each of its fields is an entry, in order. */
const Field = { base: 1, changes: 2, leaseGranted: 3, leaseEnded: 4, compacted: 5, auth: 6, alarms: 7 } as const;

/** Closes the entries of a batch: its last byte is not zero, nor is any that differs from it by one bit. */
const endMark = { field: 15, value: 127n } as const;

export function writeEndMark(writer: Writer): void {
  writer.int64(endMark.field, endMark.value);
}

export function writeEntry(writer: Writer, entry: JournalEntry): void {
  writer.message(Field[entry.type], entry, writeBody);
}

function writeBody(writer: Writer, entry: JournalEntry): void {
  switch (entry.type) {
    case 'base':
      writer.int64(1, entry.revision);
      writer.messages(2, entry.kvs, writeKeyValue);
      break;
    case 'changes':
      writer.int64(1, entry.changes.revision);
      writer.int64(2, entry.endedLease);
      writer.messages(3, entry.changes.changes, writeChange);
      break;
    case 'leaseGranted':
      writer.int64(1, entry.id);
      writer.int64(2, entry.ttlS);
      break;
    case 'leaseEnded':
      writer.int64(1, entry.id);
      break;
    case 'compacted':
      writer.int64(1, entry.revision);
      break;
    case 'auth':
      authEntryTable.write(writer, entry.entry);
      break;
    case 'alarms':
      writer.messages(1, entry.raised, writeAlarm);
      break;
  }
}

function writeAlarm(writer: Writer, { memberId, type }: Alarm): void {
  writer.int64(1, memberId);
  writer.int64(2, BigInt(type));
}

function writeChange(writer: Writer, { deleted, kv }: Change): void {
  writer.bool(1, deleted);
  writer.message(2, kv, writeKeyValue);
}

/**
 * Appends what `reader` holds to `entries`, whose keys and values are views of its input; throws where a newer version
 * wrote something that this one does not know.
 */
export function readEntries(reader: Reader, entries: JournalEntry[]): void {
  while (reader.next()) {
    if (reader.field === endMark.field) reader.skip();
    else entries.push(readEntry(reader));
  }
}

function readEntry(reader: Reader): JournalEntry {
  switch (reader.field) {
    case Field.base:
      return reader.message(readBase);
    case Field.changes:
      return reader.message(readChanges);
    case Field.leaseGranted: {
      const [id, ttlS] = reader.message(readTwo);
      return { type: 'leaseGranted', id, ttlS };
    }
    case Field.leaseEnded:
      return { type: 'leaseEnded', id: reader.message(readTwo)[0] };
    case Field.compacted:
      return { type: 'compacted', revision: reader.message(readTwo)[0] };
    case Field.auth:
      return { type: 'auth', entry: authEntry.decode(new Uint8Array(reader.bytes())) };
    case Field.alarms:
      return { type: 'alarms', raised: reader.message(readAlarms) };
    default:
      throw new Error(`an entry of kind ${reader.field} is unknown`);
  }
}

function readTwo(reader: Reader): [bigint, bigint] {
  const values: [bigint, bigint] = [0n, 0n];
  while (reader.next()) {
    if (reader.field === 1) values[0] = reader.int64();
    else if (reader.field === 2) values[1] = reader.int64();
    else reader.skip();
  }
  return values;
}

function readAlarms(reader: Reader): Alarm[] {
  const alarms: Alarm[] = [];
  while (reader.next()) {
    if (reader.field !== 1) reader.skip();
    else {
      const [memberId, type] = reader.message(readTwo);
      alarms.push({ memberId, type: Number(type) });
    }
  }
  return alarms;
}

function readBase(reader: Reader): JournalEntry {
  let revision = 0n;
  const kvs: KeyValue[] = [];
  while (reader.next()) {
    if (reader.field === 1) revision = reader.int64();
    else if (reader.field === 2) kvs.push(reader.message(readKeyValue));
    else reader.skip();
  }
  return { type: 'base', revision, kvs };
}

function readChanges(reader: Reader): JournalEntry {
  let revision = 0n;
  let endedLease: bigint | undefined;
  const changes: Change[] = [];
  while (reader.next()) {
    if (reader.field === 1) revision = reader.int64();
    else if (reader.field === 2) endedLease = reader.int64();
    else if (reader.field === 3) changes.push(reader.message(readChange));
    else reader.skip();
  }
  return { type: 'changes', changes: { revision, changes }, endedLease };
}

function readChange(reader: Reader): Change {
  let deleted = false;
  let kv: KeyValue = { key: noBytes, createRevision: 0n, modRevision: 0n, version: 0n, value: noBytes, lease: 0n };
  while (reader.next()) {
    if (reader.field === 1) deleted = reader.bool();
    else if (reader.field === 2) kv = reader.message(readKeyValue);
    else reader.skip();
  }
  return { deleted, text: latin1(kv.key), kv };
}
