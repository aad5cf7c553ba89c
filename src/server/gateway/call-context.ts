import type { IncomingHttpHeaders } from 'node:http';
import { deferred } from '../../core/deferred.js';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { RpcContext, RpcPeer } from '../../wire/rpc-service.js';
import { timeoutMsOf } from '../grpc/grpc-timeout.js';
import type { HttpExchange } from './exchange.js';

/**
 * Deadline, cancellation and metadata of one call by HTTP. It tells no certificate: etcd's gateway does not vouch for
 * one either, so that who calls by HTTP says who it is by a token.
 */
export class CallContext implements RpcContext {
  readonly metadata: Readonly<Record<string, string>>;
  readonly peer: RpcPeer;
  /** Rejects when the call shall end over its handler's head. */
  readonly over: Promise<never>;
  readonly #controller = new AbortController();
  readonly #reject: (error: ConclaveError) => void;
  #stopTimer = () => {};

  /** Throws `INVALID_ARGUMENT` for a `Grpc-Timeout` that is none. Whoever makes one calls `settle`. */
  constructor(exchange: HttpExchange, runtime: Runtime) {
    this.metadata = metadataOf(exchange.headers);
    this.peer = { address: exchange.remoteAddress };
    const over = deferred<never>();
    this.over = over.promise;
    this.#reject = over.reject;
    // Whoever does not wait for it need not hear of it.
    over.promise.catch(() => {});
    const timeoutMs = timeoutOf(exchange.headers);
    if (timeoutMs !== undefined) {
      const late = () => this.abort(new ConclaveError('TIMEOUT', 'context deadline exceeded'));
      this.#stopTimer = runtime.setTimer(timeoutMs, late);
    }
    exchange.onClose(() => this.abort(new ConclaveError('CANCELLED', 'context canceled')));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Idempotent; does nothing after `settle` but to abort the signal. */
  abort(error: ConclaveError): void {
    this.settle();
    this.#controller.abort(error);
    this.#reject(error);
  }

  /** The call is over: its timer is taken back. */
  settle(): void {
    this.#stopTimer();
  }
}

const metadataPrefix = 'grpc-metadata-';

/** As etcd's gateway hands them on: the token, and whatever is named `Grpc-Metadata-…`. */
function metadataOf(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = Object.create(null);
  for (const name in headers) {
    const value = headers[name];
    if (typeof value !== 'string') continue;
    if (name === 'authorization') metadata[name] = value;
    else if (name.startsWith(metadataPrefix)) metadata[name.slice(metadataPrefix.length)] = value;
  }
  return metadata;
}

function timeoutOf(headers: IncomingHttpHeaders): number | undefined {
  const header = headers['grpc-timeout'];
  if (header === undefined) return undefined;
  try {
    return timeoutMsOf(String(header));
  } catch {
    throw new ConclaveError('INVALID_ARGUMENT', `invalid grpc-timeout: ${JSON.stringify(header)}`);
  }
}
