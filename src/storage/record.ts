import { crc32 } from 'node:zlib';

/**
 * What a file holds after its header: records back to back.
 *
 * | bytes   |                                                                               |
 * |---------|-------------------------------------------------------------------------------|
 * | 0 to 3  | length of the payload                                                         |
 * | 4 to 9  | sequence: one more than the record before                                     |
 * | 10, 11  | kind                                                                          |
 * | 12 to 15 | CRC-32 of the payload                                                        |
 * | 16 to 19 | CRC-32 of bytes 0 to 15                                                      |
 * | 20      | payload                                                                       |
 *
 * Both sums start from the file's salt, so that bytes of another file, copied into a value, look like no record.
 */
export const recordHeaderBytes = 20;

export const RecordKind = {
  /** Entries that were written and synced in one go. */
  batch: 1,
  /** Entries of a checkpoint. */
  part: 2,
  /** A checkpoint is whole. */
  end: 3,
  /** The store was closed in order: nothing was on its way. */
  closed: 4,
} as const;

export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

export interface RecordHeader {
  readonly length: number;
  readonly sequence: number;
  readonly kind: number;
  readonly payloadCrc: number;
}

export function encodeRecord(salt: number, sequence: number, kind: RecordKind, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(recordHeaderBytes + payload.length);
  bytes.writeUInt32BE(payload.length, 0);
  bytes.writeUIntBE(sequence, 4, 6);
  bytes.writeUInt16BE(kind, 10);
  bytes.writeUInt32BE(crc32(payload, salt), 12);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 16), salt), 16);
  bytes.set(payload, recordHeaderBytes);
  return bytes;
}

/** Undefined where no header begins, or a damaged one. */
export function decodeRecordHeader(bytes: Buffer, at: number, salt: number): RecordHeader | undefined {
  if (bytes.length - at < recordHeaderBytes) return undefined;
  if (bytes.readUInt32BE(at + 16) !== crc32(bytes.subarray(at, at + 16), salt)) return undefined;
  return {
    length: bytes.readUInt32BE(at),
    sequence: bytes.readUIntBE(at + 4, 6),
    kind: bytes.readUInt16BE(at + 10),
    payloadCrc: bytes.readUInt32BE(at + 12),
  };
}
