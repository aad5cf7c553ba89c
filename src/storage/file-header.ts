import { crc32 } from 'node:zlib';

/** A file of the store begins with 64 bytes that say what it is. */
export const fileHeaderBytes = 64;

const magic = Buffer.from('conclave');
/** Raised with every change that older versions would read wrongly. */
const formatVersion = 1;

export const FileKind = { log: 1, checkpoint: 2 } as const;
export type FileKind = (typeof FileKind)[keyof typeof FileKind];

export interface FileHeader {
  readonly kind: FileKind;
  /** Of the log, counted from 1; a checkpoint has that of the log which goes on from it. */
  readonly number: number;
  /** Of the first record of the log. */
  readonly firstSequence: number;
  /** Where the log before this one ends, for a log; else 0. */
  readonly previousSize: number;
  /** Start of all sums of the file. */
  readonly salt: number;
  readonly clusterId: bigint;
  readonly memberId: bigint;
}

export function encodeFileHeader(header: FileHeader): Buffer {
  const bytes = Buffer.alloc(fileHeaderBytes);
  magic.copy(bytes, 0);
  bytes.writeUInt16BE(formatVersion, 8);
  bytes.writeUInt16BE(header.kind, 10);
  bytes.writeUInt32BE(header.salt, 12);
  bytes.writeUIntBE(header.number, 16, 6);
  bytes.writeUIntBE(header.firstSequence, 22, 6);
  bytes.writeUIntBE(header.previousSize, 28, 6);
  bytes.writeBigUInt64BE(header.clusterId, 34);
  bytes.writeBigUInt64BE(header.memberId, 42);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** What is wrong with it, as text, where it cannot be read. */
export function decodeFileHeader(bytes: Buffer): FileHeader | string {
  if (bytes.length < fileHeaderBytes) return 'its header is cut off';
  if (!bytes.subarray(0, magic.length).equals(magic)) return 'it does not begin as a file of a store';
  if (bytes.readUInt32BE(60) !== crc32(bytes.subarray(0, 60))) return 'its header is damaged';
  const version = bytes.readUInt16BE(8);
  if (version !== formatVersion) return `its format is ${version}, and this version of Conclave reads ${formatVersion}`;
  return {
    kind: bytes.readUInt16BE(10) as FileKind,
    salt: bytes.readUInt32BE(12),
    number: bytes.readUIntBE(16, 6),
    firstSequence: bytes.readUIntBE(22, 6),
    previousSize: bytes.readUIntBE(28, 6),
    clusterId: bytes.readBigUInt64BE(34),
    memberId: bytes.readBigUInt64BE(42),
  };
}
