import type { Bytes } from '../../core/bytes.js';

/**
 * What go.etcd.io/bbolt keeps in a file (its format 2): pages of equal size, numbered from 0; two pages that say where
 * the root is, of which the one with the later transaction counts; B+trees whose leaves hold keys and values, or whole
 * buckets. Numbers are little-endian.
 */
export interface Bucket {
  readonly name: string;
  /** In ascending order of their keys, each key once. */
  readonly entries: Iterable<Entry>;
}

export type Entry = readonly [key: Bytes, value: Bytes];

export const PageFlag = { branch: 1, leaf: 2, meta: 4, freelist: 16 } as const;
/** A page begins with its number, its flags, how many elements it has and how many pages follow that belong to it. */
export const pageHeaderBytes = 16;
/** Where an element's bytes are, and how many; for a leaf also whether it is a bucket, for a branch which page. */
export const elementBytes = 16;
/** The page of a bucket's root, and a counter of no use to us. */
export const bucketHeaderBytes = 16;
export const bucketFlag = 1;

export interface Meta {
  readonly pageSize: number;
  /** Page of the bucket that holds all others. */
  readonly root: bigint;
  readonly freelist: bigint;
  /** How many pages there are. */
  readonly pageCount: bigint;
  readonly transaction: bigint;
}

const magic = 0xed0cdaed;
const version = 2;
/** All before the checksum. */
const summedBytes = 56;
export const metaBytes = summedBytes + 8;

export function writeMeta(into: Buffer, at: number, meta: Meta): void {
  into.writeUInt32LE(magic, at);
  into.writeUInt32LE(version, at + 4);
  into.writeUInt32LE(meta.pageSize, at + 8);
  into.writeBigUInt64LE(meta.root, at + 16);
  into.writeBigUInt64LE(meta.freelist, at + 32);
  into.writeBigUInt64LE(meta.pageCount, at + 40);
  into.writeBigUInt64LE(meta.transaction, at + 48);
  into.writeBigUInt64LE(fnv1a(into.subarray(at, at + summedBytes)), at + summedBytes);
}

/** Undefined where there is none, or a damaged one. */
export function readMeta(bytes: Buffer, at: number): Meta | undefined {
  if (bytes.length < at + metaBytes) return undefined;
  if (bytes.readUInt32LE(at) !== magic || bytes.readUInt32LE(at + 4) !== version) return undefined;
  if (bytes.readBigUInt64LE(at + summedBytes) !== fnv1a(bytes.subarray(at, at + summedBytes))) return undefined;
  return {
    pageSize: bytes.readUInt32LE(at + 8),
    root: bytes.readBigUInt64LE(at + 16),
    freelist: bytes.readBigUInt64LE(at + 32),
    pageCount: bytes.readBigUInt64LE(at + 40),
    transaction: bytes.readBigUInt64LE(at + 48),
  };
}

/** FNV-1a, 64 bits: bbolt's checksum. */
function fnv1a(bytes: Bytes): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
