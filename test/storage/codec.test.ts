import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/core/bytes.js';
import type { JournalEntry } from '../../src/engine/journal.js';
import { readEntries, writeEntry } from '../../src/storage/entry-codec.js';
import { decodeFileHeader, encodeFileHeader, FileKind } from '../../src/storage/file-header.js';
import { decodeRecordHeader, encodeRecord, RecordKind } from '../../src/storage/record.js';
import type { AuthChange } from '../../src/store/auth-journal.js';
import { Reader } from '../../src/wire/codec/reader.js';
import { Writer } from '../../src/wire/codec/writer.js';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each));
const kv = fc.record({
  ...{ key: bytes, createRevision: int64, modRevision: int64, version: int64, value: bytes, lease: int64 },
});
const change = fc.tuple(fc.boolean(), kv).map(([deleted, each]) => ({ deleted, text: latin1(each.key), kv: each }));
const changes = fc.record({ revision: int64, changes: fc.array(change, { maxLength: 4 }) });
const endedLease = fc.option(
  int64.filter((id) => id !== 0n),
  { nil: undefined },
);
const permission = fc.record({ permType: fc.nat(2), key: bytes, rangeEnd: bytes });
const authChange: fc.Arbitrary<AuthChange> = fc.oneof(
  fc.record({ type: fc.constant('enabled' as const), enabled: fc.boolean() }),
  fc.record({
    type: fc.constant('userSet' as const),
    user: fc.record({
      ...{ name: fc.string(), passwordHash: bytes, noPassword: fc.boolean() },
      roles: fc.array(fc.string(), { maxLength: 3 }),
    }),
  }),
  fc.record({ type: fc.constant('userDeleted' as const), name: fc.string() }),
  fc.record({
    type: fc.constant('roleSet' as const),
    role: fc.record({ name: fc.string(), permissions: fc.array(permission, { maxLength: 3 }) }),
  }),
  fc.record({ type: fc.constant('roleDeleted' as const), name: fc.string() }),
);
const entry: fc.Arbitrary<JournalEntry> = fc.oneof(
  fc.record({ type: fc.constant('base' as const), revision: int64, kvs: fc.array(kv, { maxLength: 4 }) }),
  fc.record({ type: fc.constant('changes' as const), changes, endedLease }),
  fc.record({ type: fc.constant('leaseGranted' as const), id: int64, ttlS: int64 }),
  fc.record({ type: fc.constant('leaseEnded' as const), id: int64 }),
  fc.record({ type: fc.constant('compacted' as const), revision: int64 }),
  fc.record({
    type: fc.constant('auth' as const),
    entry: fc.record({ revision: int64, changes: fc.array(authChange) }),
  }),
  fc.record({
    type: fc.constant('alarms' as const),
    raised: fc.array(fc.record({ memberId: int64, type: fc.nat(9) })),
  }),
);

function decoded(payload: Uint8Array): JournalEntry[] {
  const entries: JournalEntry[] = [];
  readEntries(new Reader(payload), entries);
  return entries;
}

/** Buffers and plain arrays of the same bytes are the same. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, each: unknown) => {
      if (typeof each === 'bigint') return `${each}n`;
      return each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each;
    }).replaceAll(/\{"type":"Buffer","data":\[([\d,]*)\]\}/g, (_, list: string) =>
      JSON.stringify(Buffer.from(list === '' ? [] : list.split(',').map(Number)).toString('hex')),
    ),
  );
}

describe('entries', () => {
  it('are read as they were written, in order', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
        const writer = new Writer();
        for (const each of entries) writeEntry(writer, each);
        expect(plain(decoded(writer.finish()))).toEqual(plain(entries));
      }),
    );
  });

  it('of any other bytes are refused with an error, never with more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
        try {
          decoded(payload);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('of a kind that is not known yet are refused', () => {
    expect(() => decoded(new Uint8Array([0x72, 0]))).toThrow('an entry of kind 14 is unknown');
  });
});

describe('headers', () => {
  it('of a file and of a record are read as they were written', () => {
    const header = {
      ...{ kind: FileKind.log, number: 7, firstSequence: 2 ** 47, previousSize: 2 ** 40 },
      ...{ salt: 0xffff_fffe, clusterId: 2n ** 63n - 1n, memberId: 1n },
    };
    expect(decodeFileHeader(encodeFileHeader(header))).toEqual(header);
    const record = encodeRecord(9, 2 ** 47, RecordKind.part, Buffer.from('payload'));
    expect(decodeRecordHeader(record, 0, 9)).toMatchObject({ length: 7, sequence: 2 ** 47, kind: RecordKind.part });
    expect(decodeRecordHeader(record, 0, 8)).toBeUndefined();
  });

  it('of a later format are refused by name', () => {
    const later = encodeFileHeader({
      ...{ kind: 1, number: 1, firstSequence: 1, previousSize: 0, salt: 1 },
      clusterId: 1n,
      memberId: 1n,
    });
    later.writeUInt16BE(2, 8);
    later.writeUInt32BE(crc32(later.subarray(0, 60)), 60);
    expect(decodeFileHeader(later)).toBe('its format is 2, and this version of Conclave reads 1');
  });
});
