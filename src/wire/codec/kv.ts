import { type Bytes, noBytes } from '../../core/bytes.js';
import type {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
} from '../../store/messages.js';
import type { Codec } from './codec.js';
import {
  noHeader,
  readHeader,
  readHeaderOnly,
  readKeyValue,
  writeHeader,
  writeHeaderOnly,
  writeKeyValue,
} from './common.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

export function writeRangeRequest(writer: Writer, request: RangeRequest): void {
  writer.bytes(1, request.key);
  writer.bytes(2, request.rangeEnd);
  writer.int64(3, request.limit);
  writer.int64(4, request.revision);
  writer.enum(5, request.sortOrder);
  writer.enum(6, request.sortTarget);
  writer.bool(7, request.serializable);
  writer.bool(8, request.keysOnly);
  writer.bool(9, request.countOnly);
  writer.int64(10, request.minModRevision);
  writer.int64(11, request.maxModRevision);
  writer.int64(12, request.minCreateRevision);
  writer.int64(13, request.maxCreateRevision);
}

export function readRangeRequest(reader: Reader): RangeRequest {
  const request = {
    key: noBytes,
    rangeEnd: noBytes,
    limit: 0n,
    revision: 0n,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0n,
    maxModRevision: 0n,
    minCreateRevision: 0n,
    maxCreateRevision: 0n,
  };
  while (reader.next()) {
    if (reader.field === 1) request.key = reader.bytes();
    else if (reader.field === 2) request.rangeEnd = reader.bytes();
    else if (reader.field === 3) request.limit = reader.int64();
    else if (reader.field === 4) request.revision = reader.int64();
    else if (reader.field === 5) request.sortOrder = reader.enum();
    else if (reader.field === 6) request.sortTarget = reader.enum();
    else if (reader.field === 7) request.serializable = reader.bool();
    else if (reader.field === 8) request.keysOnly = reader.bool();
    else if (reader.field === 9) request.countOnly = reader.bool();
    else if (reader.field === 10) request.minModRevision = reader.int64();
    else if (reader.field === 11) request.maxModRevision = reader.int64();
    else if (reader.field === 12) request.minCreateRevision = reader.int64();
    else if (reader.field === 13) request.maxCreateRevision = reader.int64();
    else reader.skip();
  }
  return request;
}

export function writeRangeResponse(writer: Writer, response: RangeResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.messages(2, response.kvs, writeKeyValue);
  writer.bool(3, response.more);
  writer.int64(4, response.count);
}

export function readRangeResponse(reader: Reader): RangeResponse {
  let header = noHeader;
  const kvs: KeyValue[] = [];
  let more = false;
  let count = 0n;
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) kvs.push(reader.message(readKeyValue));
    else if (reader.field === 3) more = reader.bool();
    else if (reader.field === 4) count = reader.int64();
    else reader.skip();
  }
  return { header, kvs, more, count };
}

export function writePutRequest(writer: Writer, request: PutRequest): void {
  writer.bytes(1, request.key);
  writer.bytes(2, request.value);
  writer.int64(3, request.lease);
  writer.bool(4, request.prevKv);
  writer.bool(5, request.ignoreValue);
  writer.bool(6, request.ignoreLease);
}

export function readPutRequest(reader: Reader): PutRequest {
  const request = {
    key: noBytes,
    value: noBytes,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
  while (reader.next()) {
    if (reader.field === 1) request.key = reader.bytes();
    else if (reader.field === 2) request.value = reader.bytes();
    else if (reader.field === 3) request.lease = reader.int64();
    else if (reader.field === 4) request.prevKv = reader.bool();
    else if (reader.field === 5) request.ignoreValue = reader.bool();
    else if (reader.field === 6) request.ignoreLease = reader.bool();
    else reader.skip();
  }
  return request;
}

export function writePutResponse(writer: Writer, response: PutResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.message(2, response.prevKv, writeKeyValue);
}

export function readPutResponse(reader: Reader): PutResponse {
  let header = noHeader;
  let prevKv: KeyValue | undefined;
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) prevKv = reader.message(readKeyValue);
    else reader.skip();
  }
  return { header, prevKv };
}

export function writeDeleteRangeRequest(writer: Writer, request: DeleteRangeRequest): void {
  writer.bytes(1, request.key);
  writer.bytes(2, request.rangeEnd);
  writer.bool(3, request.prevKv);
}

export function readDeleteRangeRequest(reader: Reader): DeleteRangeRequest {
  let key: Bytes = noBytes;
  let rangeEnd: Bytes = noBytes;
  let prevKv = false;
  while (reader.next()) {
    if (reader.field === 1) key = reader.bytes();
    else if (reader.field === 2) rangeEnd = reader.bytes();
    else if (reader.field === 3) prevKv = reader.bool();
    else reader.skip();
  }
  return { key, rangeEnd, prevKv };
}

export function writeDeleteRangeResponse(writer: Writer, response: DeleteRangeResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.int64(2, response.deleted);
  writer.messages(3, response.prevKvs, writeKeyValue);
}

export function readDeleteRangeResponse(reader: Reader): DeleteRangeResponse {
  let header = noHeader;
  let deleted = 0n;
  const prevKvs: KeyValue[] = [];
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) deleted = reader.int64();
    else if (reader.field === 3) prevKvs.push(reader.message(readKeyValue));
    else reader.skip();
  }
  return { header, deleted, prevKvs };
}

function writeCompactionRequest(writer: Writer, request: CompactionRequest): void {
  writer.int64(1, request.revision);
  writer.bool(2, request.physical);
}

function readCompactionRequest(reader: Reader): CompactionRequest {
  let revision = 0n;
  let physical = false;
  while (reader.next()) {
    if (reader.field === 1) revision = reader.int64();
    else if (reader.field === 2) physical = reader.bool();
    else reader.skip();
  }
  return { revision, physical };
}

export const rangeRequest: Codec<RangeRequest> = messageCodec(writeRangeRequest, readRangeRequest);
export const rangeResponse: Codec<RangeResponse> = messageCodec(writeRangeResponse, readRangeResponse);
export const putRequest: Codec<PutRequest> = messageCodec(writePutRequest, readPutRequest);
export const putResponse: Codec<PutResponse> = messageCodec(writePutResponse, readPutResponse);
export const deleteRangeRequest: Codec<DeleteRangeRequest> = messageCodec(
  writeDeleteRangeRequest,
  readDeleteRangeRequest,
);
export const deleteRangeResponse: Codec<DeleteRangeResponse> = messageCodec(
  writeDeleteRangeResponse,
  readDeleteRangeResponse,
);
export const compactionRequest: Codec<CompactionRequest> = messageCodec(writeCompactionRequest, readCompactionRequest);
export const compactionResponse: Codec<CompactionResponse> = messageCodec(writeHeaderOnly, readHeaderOnly);
