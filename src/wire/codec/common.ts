import { type Bytes, noBytes } from '../../core/bytes.js';
import type { KeyValue, ResponseHeader } from '../../store/messages.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** What a response has that came without a header. */
export const noHeader: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };

export function writeHeader(writer: Writer, header: ResponseHeader): void {
  writer.uint64(1, header.clusterId);
  writer.uint64(2, header.memberId);
  writer.int64(3, header.revision);
  writer.uint64(4, header.raftTerm);
}

export function readHeader(reader: Reader): ResponseHeader {
  let clusterId = 0n;
  let memberId = 0n;
  let revision = 0n;
  let raftTerm = 0n;
  while (reader.next()) {
    if (reader.field === 1) clusterId = reader.uint64();
    else if (reader.field === 2) memberId = reader.uint64();
    else if (reader.field === 3) revision = reader.int64();
    else if (reader.field === 4) raftTerm = reader.uint64();
    else reader.skip();
  }
  return { clusterId, memberId, revision, raftTerm };
}

/** A response that has nothing but a header. */
export interface HeaderOnly {
  readonly header: ResponseHeader;
}

export function writeHeaderOnly(writer: Writer, response: HeaderOnly): void {
  writer.message(1, response.header, writeHeader);
}

export function readHeaderOnly(reader: Reader): HeaderOnly {
  let header = noHeader;
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else reader.skip();
  }
  return { header };
}

export function writeKeyValue(writer: Writer, kv: KeyValue): void {
  writer.bytes(1, kv.key);
  writer.int64(2, kv.createRevision);
  writer.int64(3, kv.modRevision);
  writer.int64(4, kv.version);
  writer.bytes(5, kv.value);
  writer.int64(6, kv.lease);
}

export function readKeyValue(reader: Reader): KeyValue {
  let key: Bytes = noBytes;
  let createRevision = 0n;
  let modRevision = 0n;
  let version = 0n;
  let value: Bytes = noBytes;
  let lease = 0n;
  while (reader.next()) {
    if (reader.field === 1) key = reader.bytes();
    else if (reader.field === 2) createRevision = reader.int64();
    else if (reader.field === 3) modRevision = reader.int64();
    else if (reader.field === 4) version = reader.int64();
    else if (reader.field === 5) value = reader.bytes();
    else if (reader.field === 6) lease = reader.int64();
    else reader.skip();
  }
  return { key, createRevision, modRevision, version, value, lease };
}
