import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import { etcdError } from '../../store/etcd-errors.js';
import { peerOf } from '../net/tls-gate.js';
import { ByteQuota } from './byte-quota.js';
import { type CallEnvironment, GrpcCall } from './call.js';
import { DueTimer } from './due-timer.js';
import type { Forwarder, OpenCall } from './forwarder.js';
import { headerBytes } from './header-bytes.js';
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
  /** Takes the streams of TLS connections that are no gRPC calls. Without it they are refused, as without TLS. */
  readonly serveHttp?: ((stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void) | undefined;
}

type CallKind = 'unary' | 'duplex';

/** A stream that fails also closes, and that is what its call listens to. */
const ignoreError = () => {};

/** One HTTP/2 connection and its calls. */
export class GrpcSession {
  readonly #session: ServerHttp2Session;
  readonly #environment: SessionEnvironment;
  readonly #callEnvironment: CallEnvironment;
  readonly #calls = new Map<OpenCall, CallKind>();
  readonly #watch: SessionWatch;
  readonly #forwarder: Forwarder | undefined;
  /** Streams that are no gRPC calls. */
  #httpStreams = 0;

  constructor(session: ServerHttp2Session, environment: SessionEnvironment) {
    this.#session = session;
    this.#environment = environment;
    const { runtime, limits } = environment;
    this.#forwarder = environment.forwarder?.();
    const partialBytes = new ByteQuota(limits.maxPartialBytes);
    const unsentBytes = new ByteQuota(limits.maxSessionUnsentBytes);
    this.#watch = new SessionWatch(session, runtime, limits, () => this.#calls.size + this.#httpStreams > 0);
    this.#callEnvironment = {
      ...{ limits, partialBytes, unsentBytes, peer: peerOf(session.socket) },
      timer: new DueTimer(runtime, (nowMs) => this.#endDue(nowMs)),
      onGone: (call) => this.#calls.delete(call),
    };
  }

  get calls(): number {
    return this.#calls.size;
  }

  /** `onClose` is called when the connection is gone. */
  open(onClose: () => void): void {
    const session = this.#session;
    session.on('error', () => session.destroy());
    session.once('close', () => {
      this.#callEnvironment.timer.stop();
      this.#forwarder?.close();
      onClose();
    });
    this.#watch.start();
  }

  serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', ignoreError);
    this.#watch.use();
    if (headerBytes(headers) > this.#environment.limits.maxHeaderBytes) {
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    const refusal = httpRefusal(headers);
    if (refusal !== undefined) {
      if (this.#serveHttp(stream, headers)) return;
      stream.respond({ ':status': refusal }, { endStream: true });
      stream.resume();
      return;
    }
    const path = headers[':path'] ?? '';
    if (this.#forwarder !== undefined && !this.#has(path)) {
      const forwarded = this.#forwarder.forward(stream, headers);
      if (stream.closed) return;
      this.#calls.set(forwarded, 'unary');
      stream.once('close', () => this.#calls.delete(forwarded));
      return;
    }
    const call = new GrpcCall(stream, headers, this.#callEnvironment);
    const kind = this.#dispatch(call, path);
    if (kind !== undefined && !stream.closed) this.#calls.set(call, kind);
  }

  /** False: nobody here serves plain HTTP. */
  #serveHttp(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const { serveHttp } = this.#environment;
    if (serveHttp === undefined || !this.#session.encrypted) return false;
    this.#httpStreams += 1;
    stream.once('close', () => {
      this.#httpStreams -= 1;
    });
    serveHttp(stream, headers);
    return true;
  }

  /** Takes no new calls, ends the open-ended ones and lets the others finish. */
  drain(): void {
    this.#session.close();
    for (const [call, kind] of this.#calls) if (kind === 'duplex') call.abort(etcdError('stopped'));
  }

  /** Ends every call with its status. */
  stop(): void {
    for (const call of this.#calls.keys()) call.abort(etcdError('stopped'));
  }

  destroy(): void {
    this.#session.destroy();
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
