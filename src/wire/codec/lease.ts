import type { Bytes } from '../../core/bytes.js';
import type {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from '../../store/messages.js';
import type { Codec } from './codec.js';
import { noHeader, readHeader, readHeaderOnly, writeHeader, writeHeaderOnly } from './common.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

function writeGrantRequest(writer: Writer, request: LeaseGrantRequest): void {
  writer.int64(1, request.ttl);
  writer.int64(2, request.id);
}

function readGrantRequest(reader: Reader): LeaseGrantRequest {
  let ttl = 0n;
  let id = 0n;
  while (reader.next()) {
    if (reader.field === 1) ttl = reader.int64();
    else if (reader.field === 2) id = reader.int64();
    else reader.skip();
  }
  return { ttl, id };
}

function writeGrantResponse(writer: Writer, response: LeaseGrantResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.int64(2, response.id);
  writer.int64(3, response.ttl);
  writer.text(4, response.error);
}

function readGrantResponse(reader: Reader): LeaseGrantResponse {
  let header = noHeader;
  let id = 0n;
  let ttl = 0n;
  let error = '';
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) id = reader.int64();
    else if (reader.field === 3) ttl = reader.int64();
    else if (reader.field === 4) error = reader.text();
    else reader.skip();
  }
  return { header, id, ttl, error };
}

/** Requests to revoke and to keep alive, and the entries of a list of leases, hold an id and nothing else. */
function writeId(writer: Writer, message: { readonly id?: bigint | undefined }): void {
  writer.int64(1, message.id);
}

function readId(reader: Reader): { readonly id: bigint } {
  let id = 0n;
  while (reader.next()) {
    if (reader.field === 1) id = reader.int64();
    else reader.skip();
  }
  return { id };
}

function writeKeepAliveResponse(writer: Writer, response: LeaseKeepAliveResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.int64(2, response.id);
  writer.int64(3, response.ttl);
}

function readKeepAliveResponse(reader: Reader): LeaseKeepAliveResponse {
  let header = noHeader;
  let id = 0n;
  let ttl = 0n;
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) id = reader.int64();
    else if (reader.field === 3) ttl = reader.int64();
    else reader.skip();
  }
  return { header, id, ttl };
}

function writeTimeToLiveRequest(writer: Writer, request: LeaseTimeToLiveRequest): void {
  writer.int64(1, request.id);
  writer.bool(2, request.keys);
}

function readTimeToLiveRequest(reader: Reader): LeaseTimeToLiveRequest {
  let id = 0n;
  let keys = false;
  while (reader.next()) {
    if (reader.field === 1) id = reader.int64();
    else if (reader.field === 2) keys = reader.bool();
    else reader.skip();
  }
  return { id, keys };
}

function writeTimeToLiveResponse(writer: Writer, response: LeaseTimeToLiveResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.int64(2, response.id);
  writer.int64(3, response.ttl);
  writer.int64(4, response.grantedTtl);
  writer.byteStrings(5, response.keys);
}

function readTimeToLiveResponse(reader: Reader): LeaseTimeToLiveResponse {
  let header = noHeader;
  let id = 0n;
  let ttl = 0n;
  let grantedTtl = 0n;
  const keys: Bytes[] = [];
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) id = reader.int64();
    else if (reader.field === 3) ttl = reader.int64();
    else if (reader.field === 4) grantedTtl = reader.int64();
    else if (reader.field === 5) keys.push(reader.bytes());
    else reader.skip();
  }
  return { header, id, ttl, grantedTtl, keys };
}

function writeLeasesRequest(): void {}

function readLeasesRequest(reader: Reader): LeaseLeasesRequest {
  while (reader.next()) reader.skip();
  return {};
}

function writeLeasesResponse(writer: Writer, response: LeaseLeasesResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.messages(2, response.leases, writeId);
}

function readLeasesResponse(reader: Reader): LeaseLeasesResponse {
  let header = noHeader;
  const leases: { readonly id: bigint }[] = [];
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) leases.push(reader.message(readId));
    else reader.skip();
  }
  return { header, leases };
}

export const leaseGrantRequest: Codec<LeaseGrantRequest> = messageCodec(writeGrantRequest, readGrantRequest);
export const leaseGrantResponse: Codec<LeaseGrantResponse> = messageCodec(writeGrantResponse, readGrantResponse);
export const leaseRevokeRequest: Codec<LeaseRevokeRequest> = messageCodec(writeId, readId);
export const leaseRevokeResponse: Codec<LeaseRevokeResponse> = messageCodec(writeHeaderOnly, readHeaderOnly);
export const leaseKeepAliveRequest: Codec<LeaseKeepAliveRequest> = messageCodec(writeId, readId);
export const leaseKeepAliveResponse: Codec<LeaseKeepAliveResponse> = messageCodec(
  writeKeepAliveResponse,
  readKeepAliveResponse,
);
export const leaseTimeToLiveRequest: Codec<LeaseTimeToLiveRequest> = messageCodec(
  writeTimeToLiveRequest,
  readTimeToLiveRequest,
);
export const leaseTimeToLiveResponse: Codec<LeaseTimeToLiveResponse> = messageCodec(
  writeTimeToLiveResponse,
  readTimeToLiveResponse,
);
export const leaseLeasesRequest: Codec<LeaseLeasesRequest> = messageCodec(writeLeasesRequest, readLeasesRequest);
export const leaseLeasesResponse: Codec<LeaseLeasesResponse> = messageCodec(writeLeasesResponse, readLeasesResponse);
