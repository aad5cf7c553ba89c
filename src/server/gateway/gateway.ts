import { ConclaveError } from '../../core/errors.js';
import { etcdError } from '../../store/etcd-errors.js';
import { unknownMethod } from '../grpc/service.js';
import type { GatewayEnvironment } from './environment.js';
import type { HttpExchange } from './exchange.js';
import { jsonHeaders } from './headers.js';
import { routeOf } from './routes.js';
import { StreamCall } from './stream-call.js';
import { answerError, serveUnary } from './unary-call.js';

/** The RPCs of a service as JSON over HTTP (protocol.md section 6). It knows no method: `routes.ts` does. */
export class Gateway {
  readonly #environment: GatewayEnvironment;
  readonly #streams = new Set<StreamCall>();

  constructor(environment: GatewayEnvironment) {
    this.#environment = environment;
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }

  serve(exchange: HttpExchange): void {
    const route = routeOf(exchange.path);
    if (route === undefined) {
      answerError(exchange, new ConclaveError('NOT_FOUND', 'Not Found'), { isLast: hasLongBody(exchange) });
      return;
    }
    if (exchange.method !== 'POST') {
      refuseMethod(exchange);
      return;
    }
    const { service } = this.#environment;
    const unary = service.unary(route.rpc);
    const duplex = service.duplex(route.rpc);
    if (unary !== undefined) void serveUnary(exchange, route, unary, this.#environment);
    else if (duplex !== undefined) this.#open(new StreamCall(exchange, route, duplex, this.#environment), exchange);
    else {
      const error = new ConclaveError('UNSUPPORTED', unknownMethod(service, route.rpc));
      answerError(exchange, error, { isLast: hasLongBody(exchange) });
    }
  }

  /** Ends the streams; calls of one answer end by themselves. */
  stop(): void {
    for (const stream of [...this.#streams]) stream.stop(etcdError('stopped'));
  }

  #open(stream: StreamCall, exchange: HttpExchange): void {
    this.#streams.add(stream);
    exchange.onClose(() => this.#streams.delete(stream));
    stream.start();
  }
}

/** A browser asks by OPTIONS whether another origin may call: no header of the answer says so. */
function refuseMethod(exchange: HttpExchange): void {
  const isLast = hasLongBody(exchange);
  if (exchange.method === 'OPTIONS') exchange.answer(200, { ...jsonHeaders, allow: 'POST' }, '', isLast);
  else {
    const text = JSON.stringify({ error: 'Method Not Allowed', message: 'Method Not Allowed', code: 12 });
    exchange.answer(405, { ...jsonHeaders, allow: 'POST' }, text, isLast);
  }
}

/** Whether the request's body may be large or endless, so that it is not worth reading to its end. */
export function hasLongBody({ headers }: HttpExchange): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 64 * 1024;
}
