import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { ConclaveError } from '../../core/errors.js';

/** A call that is under way, as the connection that it came on knows it. */
export interface OpenCall {
  /** Ends the call with the error's status. */
  abort(error: ConclaveError): void;
}

/** Takes the calls of one connection whose methods the service does not have. */
export interface Forwarder {
  forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): OpenCall;
  /** The connection is gone. */
  close(): void;
}
