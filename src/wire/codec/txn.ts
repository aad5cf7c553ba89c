import type { Compare, RequestOp, ResponseOp, TxnRequest, TxnResponse } from '../../store/messages.js';
import type { Codec } from './codec.js';
import { noHeader, readHeader, writeHeader } from './common.js';
import { readCompare, writeCompare } from './compare.js';
import {
  readDeleteRangeRequest,
  readDeleteRangeResponse,
  readPutRequest,
  readPutResponse,
  readRangeRequest,
  readRangeResponse,
  writeDeleteRangeRequest,
  writeDeleteRangeResponse,
  writePutRequest,
  writePutResponse,
  writeRangeRequest,
  writeRangeResponse,
} from './kv.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

function writeTxnRequest(writer: Writer, request: TxnRequest): void {
  writer.messages(1, request.compare, writeCompare);
  writer.messages(2, request.success, writeRequestOp);
  writer.messages(3, request.failure, writeRequestOp);
}

function readTxnRequest(reader: Reader): TxnRequest {
  const compare: Compare[] = [];
  const success: RequestOp[] = [];
  const failure: RequestOp[] = [];
  while (reader.next()) {
    if (reader.field === 1) compare.push(reader.message(readCompare));
    else if (reader.field === 2) success.push(reader.message(readRequestOp));
    else if (reader.field === 3) failure.push(reader.message(readRequestOp));
    else reader.skip();
  }
  return { compare, success, failure };
}

function writeRequestOp(writer: Writer, op: RequestOp): void {
  switch (op.type) {
    case 'range':
      writer.message(1, op.request, writeRangeRequest);
      break;
    case 'put':
      writer.message(2, op.request, writePutRequest);
      break;
    case 'deleteRange':
      writer.message(3, op.request, writeDeleteRangeRequest);
      break;
    case 'txn':
      writer.message(4, op.request, writeTxnRequest);
      break;
    case 'none':
      break;
  }
}

function readRequestOp(reader: Reader): RequestOp {
  let op: RequestOp = { type: 'none' };
  while (reader.next()) {
    if (reader.field === 1) op = { type: 'range', request: reader.message(readRangeRequest) };
    else if (reader.field === 2) op = { type: 'put', request: reader.message(readPutRequest) };
    else if (reader.field === 3) op = { type: 'deleteRange', request: reader.message(readDeleteRangeRequest) };
    else if (reader.field === 4) op = { type: 'txn', request: reader.message(readTxnRequest) };
    else reader.skip();
  }
  return op;
}

function writeTxnResponse(writer: Writer, response: TxnResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.bool(2, response.succeeded);
  writer.messages(3, response.responses, writeResponseOp);
}

function readTxnResponse(reader: Reader): TxnResponse {
  let header = noHeader;
  let succeeded = false;
  const responses: ResponseOp[] = [];
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) succeeded = reader.bool();
    else if (reader.field === 3) responses.push(reader.message(readResponseOp));
    else reader.skip();
  }
  return { header, succeeded, responses };
}

function writeResponseOp(writer: Writer, op: ResponseOp): void {
  switch (op.type) {
    case 'range':
      writer.message(1, op.response, writeRangeResponse);
      break;
    case 'put':
      writer.message(2, op.response, writePutResponse);
      break;
    case 'deleteRange':
      writer.message(3, op.response, writeDeleteRangeResponse);
      break;
    case 'txn':
      writer.message(4, op.response, writeTxnResponse);
      break;
    case 'none':
      break;
  }
}

function readResponseOp(reader: Reader): ResponseOp {
  let op: ResponseOp = { type: 'none' };
  while (reader.next()) {
    if (reader.field === 1) op = { type: 'range', response: reader.message(readRangeResponse) };
    else if (reader.field === 2) op = { type: 'put', response: reader.message(readPutResponse) };
    else if (reader.field === 3) op = { type: 'deleteRange', response: reader.message(readDeleteRangeResponse) };
    else if (reader.field === 4) op = { type: 'txn', response: reader.message(readTxnResponse) };
    else reader.skip();
  }
  return op;
}

export const txnRequest: Codec<TxnRequest> = messageCodec(writeTxnRequest, readTxnRequest);
export const txnResponse: Codec<TxnResponse> = messageCodec(writeTxnResponse, readTxnResponse);
