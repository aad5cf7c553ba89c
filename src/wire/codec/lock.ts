import { type Bytes, noBytes } from '../../core/bytes.js';
import type { ResponseHeader } from '../../store/messages.js';
import type { Codec } from './codec.js';
import { type HeaderOnly, noHeader, readHeader, readHeaderOnly, writeHeader, writeHeaderOnly } from './common.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** `v3lockpb`: names and keys are bytes. */
export interface LockRequest {
  readonly name?: Bytes | undefined;
  /** The caller's lease, which the caller keeps alive. 0: the server grants one of 60 s. */
  readonly lease?: bigint | undefined;
}

export interface LockResponse {
  readonly header: ResponseHeader;
  /** The key whose existence is the ownership. */
  readonly key: Bytes;
}

export interface UnlockRequest {
  readonly key?: Bytes | undefined;
}

function writeLockRequest(writer: Writer, request: LockRequest): void {
  writer.bytes(1, request.name);
  writer.int64(2, request.lease);
}

function readLockRequest(reader: Reader): LockRequest {
  let name = noBytes;
  let lease = 0n;
  while (reader.next()) {
    if (reader.field === 1) name = reader.bytes();
    else if (reader.field === 2) lease = reader.int64();
    else reader.skip();
  }
  return { name, lease };
}

function writeLockResponse(writer: Writer, response: LockResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.bytes(2, response.key);
}

function readLockResponse(reader: Reader): LockResponse {
  let header = noHeader;
  let key = noBytes;
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) key = reader.bytes();
    else reader.skip();
  }
  return { header, key };
}

function writeUnlockRequest(writer: Writer, request: UnlockRequest): void {
  writer.bytes(1, request.key);
}

function readUnlockRequest(reader: Reader): UnlockRequest {
  let key = noBytes;
  while (reader.next()) {
    if (reader.field === 1) key = reader.bytes();
    else reader.skip();
  }
  return { key };
}

export const lockRequest: Codec<LockRequest> = messageCodec(writeLockRequest, readLockRequest);
export const lockResponse: Codec<LockResponse> = messageCodec(writeLockResponse, readLockResponse);
export const unlockRequest: Codec<UnlockRequest> = messageCodec(writeUnlockRequest, readUnlockRequest);
export const unlockResponse: Codec<HeaderOnly> = messageCodec(writeHeaderOnly, readHeaderOnly);
