import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

export const ServingStatus = { unknown: 0, serving: 1, notServing: 2 } as const;

/** `grpc.health.v1`: the empty name asks for the server as a whole. */
export interface HealthCheckRequest {
  readonly service: string;
}

export interface HealthCheckResponse {
  readonly status: number;
}

export const healthCheckRequest = messageCodec<HealthCheckRequest>(writeRequest, readRequest);
export const healthCheckResponse = messageCodec<HealthCheckResponse>(writeResponse, readResponse);

function writeRequest(writer: Writer, request: HealthCheckRequest): void {
  writer.text(1, request.service);
}

function readRequest(reader: Reader): HealthCheckRequest {
  let service = '';
  while (reader.next()) {
    if (reader.field === 1) service = reader.text();
    else reader.skip();
  }
  return { service };
}

function writeResponse(writer: Writer, response: HealthCheckResponse): void {
  writer.enum(1, response.status);
}

function readResponse(reader: Reader): HealthCheckResponse {
  let status = 0;
  while (reader.next()) {
    if (reader.field === 1) status = reader.enum();
    else reader.skip();
  }
  return { status };
}
