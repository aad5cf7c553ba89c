import type { IncomingHttpHeaders } from 'node:http2';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import { etcdError } from '../../store/etcd-errors.js';
import { prefixSize } from '../../wire/grpc-frame.js';
import type { ConnectionListener, ServerConnection } from '../http2/http2.js';
import type { ServerStream } from '../http2/server-stream.js';
import { ByteQuota } from './byte-quota.js';
import { type CallEnvironment, GrpcCall } from './call.js';
import { DueTimer } from './due-timer.js';
import type { Forwarder, OpenCall } from './forwarder.js';
import type { ServerLimits } from './limits.js';
import { type ReportBug, serveDuplex, serveUnary } from './serve-call.js';
import { type GrpcService, unknownMethod } from './service.js';
import { SessionWatch } from './session-watch.js';

export interface SessionEnvironment {
  readonly runtime: Runtime;
  readonly limits: ServerLimits;
  readonly service: GrpcService;
  readonly report: ReportBug;
  /** Made for each connection; takes the calls that `service` has no method for. Default: they are refused. */
  readonly forwarder?: (() => Forwarder) | undefined;
  /**
   * Takes the streams of TLS connections that are no gRPC calls, and tells when each is gone. Without it they are
   * refused, as without TLS.
   */
  readonly serveHttp?: ((stream: ServerStream, onGone: () => void) => void) | undefined;
}

type CallKind = 'unary' | 'duplex';

/** One HTTP/2 connection and its calls. */
export class GrpcSession implements ConnectionListener {
  readonly #connection: ServerConnection;
  readonly #environment: SessionEnvironment;
  readonly #callEnvironment: CallEnvironment;
  readonly #onClosed: (session: GrpcSession) => void;
  readonly #calls = new Map<OpenCall, CallKind>();
  readonly #watch: SessionWatch;
  readonly #forwarder: Forwarder | undefined;
  /** Streams that are no gRPC calls. */
  #httpStreams = 0;

  /** `onClosed` is called when the connection is gone. */
  constructor(connection: ServerConnection, environment: SessionEnvironment, onClosed: (session: GrpcSession) => void) {
    this.#connection = connection;
    this.#environment = environment;
    this.#onClosed = onClosed;
    const { runtime, limits } = environment;
    this.#forwarder = environment.forwarder?.();
    const partialBytes = new ByteQuota(limits.maxPartialBytes);
    const unsentBytes = new ByteQuota(limits.maxSessionUnsentBytes);
    this.#watch = new SessionWatch(connection, runtime, limits, () => this.#calls.size + this.#httpStreams > 0);
    this.#callEnvironment = {
      ...{ limits, partialBytes, unsentBytes, peer: connection.peer, prefix: Buffer.alloc(prefixSize) },
      timer: new DueTimer(runtime, (nowMs) => this.#endDue(nowMs)),
      onGone: (call) => this.#calls.delete(call),
    };
    this.#watch.start();
  }

  get calls(): number {
    return this.#calls.size;
  }

  onSettings(): void {
    this.#watch.rest();
  }

  onPong(): void {
    this.#watch.rest();
  }

  /** The peer has this long for the calls that it has open. */
  onGoAway(): void {
    this.#watch.endSoon();
  }

  onClose(): void {
    this.#watch.stop();
    this.#callEnvironment.timer.stop();
    this.#forwarder?.close();
    this.#onClosed(this);
  }

  onStream(stream: ServerStream): void {
    this.#watch.use();
    const { headers } = stream;
    const refusal = httpRefusal(headers);
    if (refusal !== undefined) {
      if (!this.#serveHttp(stream)) stream.respond(refusal, {}, true);
      return;
    }
    const path = headers[':path'] ?? '';
    if (this.#forwarder !== undefined && !this.#has(path)) this.#forward(stream, this.#forwarder);
    else this.#serveCall(stream, path);
  }

  #serveCall(stream: ServerStream, path: string): void {
    const call = new GrpcCall(stream, this.#callEnvironment);
    const kind = this.#dispatch(call, path);
    if (kind !== undefined && !stream.isClosed) this.#calls.set(call, kind);
  }

  #forward(stream: ServerStream, forwarder: Forwarder): void {
    const forwarded = forwarder.forward(stream, (call) => this.#calls.delete(call));
    if (!stream.isClosed) this.#calls.set(forwarded, 'unary');
  }

  /** False: nobody here serves plain HTTP. */
  #serveHttp(stream: ServerStream): boolean {
    const { serveHttp } = this.#environment;
    if (serveHttp === undefined || !this.#connection.isSecure) return false;
    this.#httpStreams += 1;
    serveHttp(stream, () => {
      this.#httpStreams -= 1;
    });
    return true;
  }

  /** Takes no new calls, ends the open-ended ones and lets the others finish. */
  drain(): void {
    this.#connection.drain();
    for (const [call, kind] of this.#calls) if (kind === 'duplex') call.abort(etcdError('stopped'));
  }

  /** Ends every call with its status. */
  stop(): void {
    for (const call of this.#calls.keys()) call.abort(etcdError('stopped'));
  }

  destroy(): void {
    this.#connection.destroy();
  }

  #endDue(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const call of this.#calls.keys()) {
      if (call instanceof GrpcCall) nextMs = Math.min(nextMs, call.endDue(nowMs));
    }
    return nextMs;
  }

  #has(path: string): boolean {
    const { service } = this.#environment;
    return (service.unary(path) ?? service.duplex(path)) !== undefined;
  }

  #dispatch(call: GrpcCall, path: string): CallKind | undefined {
    const { service, report } = this.#environment;
    const unary = service.unary(path);
    if (unary !== undefined) {
      serveUnary(call, unary, report);
      return 'unary';
    }
    const duplex = service.duplex(path);
    if (duplex !== undefined) {
      serveDuplex(call, duplex, report);
      return 'duplex';
    }
    call.finish(new ConclaveError('UNSUPPORTED', unknownMethod(service, path)));
    return undefined;
  }
}

/** HTTP status for what is no gRPC call at all. */
function httpRefusal(headers: IncomingHttpHeaders): number | undefined {
  if (headers[':method'] !== 'POST') return 405;
  const type = headers['content-type'] ?? '';
  return type === 'application/grpc' || /^application\/grpc[+;]/.test(type) ? undefined : 415;
}
