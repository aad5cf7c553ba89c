import type { ConclaveError } from '../../core/errors.js';
import type { ServerStream } from '../http2/server-stream.js';

/** A call that is under way, as the connection that it came on knows it. */
export interface OpenCall {
  /** Ends the call with the error's status. */
  abort(error: ConclaveError): void;
}

/** Takes the calls of one connection whose methods the service does not have. */
export interface Forwarder {
  /** `onGone` is called when the call's stream is. */
  forward(stream: ServerStream, onGone: (call: OpenCall) => void): OpenCall;
  /** The connection is gone. */
  close(): void;
}
