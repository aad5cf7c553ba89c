import { type AnySignal, onAbort } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { errorOfStatus, Status } from '../store/etcd-errors.js';
import type { DuplexMethod, UnaryMethod } from '../wire/methods.js';
import type { Duplex, DuplexListener } from '../wire/rpc-channel.js';

/**
 * What is used of a grpc-js client. Spelled out because npm etcd3 brings a copy of grpc-js of its own, whose classes
 * are not those of ours.
 */
export interface GrpcClient<Metadata> {
  makeUnaryRequest(
    path: string,
    serialize: (bytes: Buffer) => Buffer,
    deserialize: (bytes: Buffer) => Buffer,
    request: Buffer,
    metadata: Metadata,
    callback: (error: GrpcFailure | null, response?: Buffer) => void,
  ): { cancel(): void };
  makeBidiStreamRequest(
    path: string,
    serialize: (bytes: Buffer) => Buffer,
    deserialize: (bytes: Buffer) => Buffer,
    metadata: Metadata,
  ): GrpcStream;
}

export interface GrpcStream {
  write(message: Buffer): unknown;
  end(): unknown;
  cancel(): void;
  on(event: 'data', listener: (message: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
}

/** What grpc-js fails with: an Error that has gRPC's status. */
export interface GrpcFailure extends Error {
  readonly code?: number;
  readonly details?: string;
}

/** Makes one call; an abort of `signal` cancels it. Rejects with what grpc-js gave. */
export function unaryCall<Request, Response, Metadata>(
  client: GrpcClient<Metadata>,
  method: UnaryMethod<Request, Response>,
  request: Buffer,
  metadata: Metadata,
  signal: AnySignal | undefined,
): Promise<Response> {
  return new Promise<Response>((resolve, reject) => {
    let stopListening: () => void = () => {};
    const call = client.makeUnaryRequest(method.path, asIs, asIs, request, metadata, (error, response) => {
      stopListening();
      if (error !== null) return reject(error);
      try {
        resolve(method.response.decode(response as Buffer));
      } catch (failure) {
        reject(failure);
      }
    });
    stopListening = onAbort(signal, () => cancelSoon(call));
  });
}

/** Starts one stream. `toError` makes the listener's error of grpc-js's. */
export function duplexCall<Request, Response, Metadata>(
  client: GrpcClient<Metadata>,
  method: DuplexMethod<Request, Response>,
  metadata: Metadata,
  listener: DuplexListener<Response>,
  toError: (error: Error) => Error,
): Duplex<Request> {
  const stream = client.makeBidiStreamRequest(method.path, asIs, asIs, metadata);
  let ended = false;
  const end = (error: Error | undefined) => {
    if (ended) return;
    ended = true;
    listener.onEnd(error);
  };
  stream.on('data', (bytes) => {
    if (ended) return;
    let message: Response;
    try {
      message = method.response.decode(bytes);
    } catch (error) {
      stream.cancel();
      return end(ConclaveError.from(error));
    }
    listener.onMessage(message);
  });
  // After a cancel grpc-js still reports the end of the call as an error, which must find a listener.
  stream.on('error', (error) => {
    if (!ended) end(toError(error));
  });
  stream.on('end', () => end(undefined));
  return {
    send: (message) => {
      if (!ended) stream.write(asBuffer(method.request.encode(message)));
    },
    halfClose: () => {
      if (!ended) stream.end();
    },
    cancel: () => {
      ended = true;
      cancelSoon(stream);
    },
  };
}

/**
 * A turn later: of a call that is cancelled in the turn in which its stream is made grpc-js (1.14, Node 20) sends the
 * head and never the reset. The server would keep the call, and the connection with it, though its client is closed.
 */
function cancelSoon(call: { cancel(): void }): void {
  setImmediate(() => call.cancel());
}

/** grpc-js says with these words that no connection could be made: the request has not left this process. */
const neverSent = /^(?:No connection established|Name resolution failed|Channel closed before call started)/;
/**
 * grpc-js's own words for a stream that the peer has reset. The second is what it makes of `ENHANCE_YOUR_CALM`, with
 * which etcd ends a connection of too many pings: those that met a server that stood still, and are read together.
 */
const wasReset = /^(?:Received RST_STREAM|Bandwidth exhausted or memory limit exceeded$)/;
/** What its texts have around the reason. */
const wrapping = /^No connection established\. Last error: (?:Error: )?|\s*Resolution note:\s*$/g;

/**
 * The error of a call to `endpoint` that was not cancelled by us. etcd's own texts stay as they are; a transport's get
 * the endpoint's name, and are `UNAVAILABLE` too where the peer has reset the stream, as a server does that shuts down.
 */
export function errorOfGrpc(endpoint: string, failure: Error): ConclaveError {
  if (ConclaveError.is(failure)) return failure;
  const { code = Status.unknown, details = failure.message } = failure as GrpcFailure;
  const reset = code === Status.cancelled || wasReset.test(details);
  if (details.startsWith('etcdserver: ') || !(reset || code === Status.unavailable)) {
    return errorOfStatus(code, details, failure);
  }
  if (!neverSent.test(details)) return errorOfStatus(Status.unavailable, `${endpoint}: ${details}`, failure);
  const message = `cannot reach ${endpoint}: ${details.replaceAll(wrapping, '')}`;
  return new ConclaveError('UNAVAILABLE', message, { cause: failure });
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
