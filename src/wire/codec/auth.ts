import type { ResponseHeader } from '../../store/messages.js';
import type { Codec } from './codec.js';
import { noHeader, readHeader, writeHeader } from './common.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

export interface AuthenticateRequest {
  readonly name: string;
  readonly password: string;
}

export interface AuthenticateResponse {
  readonly header: ResponseHeader;
  /** Goes with every later call as metadata `token`. */
  readonly token: string;
}

function writeAuthenticateRequest(writer: Writer, request: AuthenticateRequest): void {
  writer.text(1, request.name);
  writer.text(2, request.password);
}

function readAuthenticateRequest(reader: Reader): AuthenticateRequest {
  let name = '';
  let password = '';
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) password = reader.text();
    else reader.skip();
  }
  return { name, password };
}

function writeAuthenticateResponse(writer: Writer, response: AuthenticateResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.text(2, response.token);
}

function readAuthenticateResponse(reader: Reader): AuthenticateResponse {
  let header = noHeader;
  let token = '';
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) token = reader.text();
    else reader.skip();
  }
  return { header, token };
}

export const authenticateRequest: Codec<AuthenticateRequest> = messageCodec(
  writeAuthenticateRequest,
  readAuthenticateRequest,
);
export const authenticateResponse: Codec<AuthenticateResponse> = messageCodec(
  writeAuthenticateResponse,
  readAuthenticateResponse,
);
