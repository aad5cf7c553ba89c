import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import {
  authAdminMethods,
  healthMethods,
  maintenanceMethods,
  clusterMethods as memberMethods,
} from '../../wire/admin-methods.js';
import { AuthToken } from '../../wire/auth-token.js';
import { Calls } from '../../wire/calls.js';
import type { Endpoints } from '../../wire/endpoints.js';
import {
  authMethods,
  type DuplexMethod,
  kvMethods,
  leaseMethods,
  type UnaryMethod,
  watchMethods,
} from '../../wire/methods.js';
import type { Duplex } from '../../wire/rpc-channel.js';
import type { DuplexCall, DuplexHandler, DuplexReply, RpcContext, UnaryHandler } from '../../wire/rpc-service.js';
import { identityOf } from '../concurrency/caller-stores.js';

/** Longer than any call of etcd's takes, but for a defragmentation of gigabytes; a caller's own deadline is kept. */
const callTimeoutMs = 60_000;

const groups = {
  ...{ kvMethods, watchMethods, leaseMethods, authMethods, authAdminMethods, memberMethods },
  ...{ maintenanceMethods, healthMethods },
} as const;
const methods = Object.values(groups).flatMap(
  (group) => Object.values(group) as UnaryMethod<unknown, unknown>[],
) as readonly (UnaryMethod<unknown, unknown> | DuplexMethod<unknown, unknown>)[];

export function isDuplex(
  method: UnaryMethod<unknown, unknown> | DuplexMethod<unknown, unknown>,
): method is DuplexMethod<unknown, unknown> {
  return 'duplex' in method;
}

/** All of them by their paths. */
export const clusterMethods: ReadonlyMap<string, (typeof methods)[number]> = new Map(
  methods.map((method) => [method.path, method]),
);

/**
 * Every method of etcd's as a member of the cluster answers it, with the caller's token: for callers whose calls cannot
 * be handed on as they are, since they do not come by gRPC.
 */
export function clusterHandlers(
  runtime: Runtime,
  endpoints: Endpoints,
): {
  readonly unary: readonly UnaryHandler<unknown, unknown>[];
  readonly duplex: readonly DuplexHandler<unknown, unknown>[];
} {
  return {
    unary: methods.filter((method) => !isDuplex(method)).map((method) => unaryHandler(runtime, endpoints, method)),
    duplex: methods.filter(isDuplex).map((method) => duplexHandler(endpoints, method)),
  };
}

/** A member that does not answer is left for the next; what it may have applied is never sent twice. */
function unaryHandler(
  runtime: Runtime,
  endpoints: Endpoints,
  method: UnaryMethod<unknown, unknown>,
): UnaryHandler<unknown, unknown> {
  return {
    method,
    handle: (request, { metadata, signal }) => {
      const identity = new AuthToken(undefined, runtime, callTimeoutMs, Object.fromEntries(identityOf(metadata)));
      return new Calls(endpoints, identity, runtime, callTimeoutMs).run(method.path, 'write', { signal }, (attempt) =>
        attempt.channel.unary(method, request, attempt),
      );
    },
  };
}

function duplexHandler(endpoints: Endpoints, method: DuplexMethod<unknown, unknown>): DuplexHandler<unknown, unknown> {
  return { method, open: (reply, context) => new ClusterCall(endpoints, method, reply, context) };
}

/** One stream to the member that is asked now. */
class ClusterCall implements DuplexCall<unknown> {
  readonly #stream: Duplex<unknown>;
  #isFull = false;
  /** What came while the caller did not read: no more than was under way. */
  #held: (() => void)[] = [];

  constructor(
    endpoints: Endpoints,
    method: DuplexMethod<unknown, unknown>,
    reply: DuplexReply<unknown>,
    { metadata }: RpcContext,
  ) {
    const channel = endpoints.current;
    const onEnd = (error: Error | undefined) => {
      const failure = error === undefined ? undefined : ConclaveError.from(error);
      if (failure?.code === 'UNAVAILABLE') endpoints.leave(channel);
      this.#tell(() => reply.end(failure));
    };
    const onMessage = (message: unknown) => this.#tell(() => reply.send(message));
    const options = { metadata: { hasleader: 'true', ...Object.fromEntries(identityOf(metadata)) } };
    this.#stream = channel.duplex(method, { onMessage, onEnd }, options);
  }

  onMessage(message: unknown): void {
    this.#stream.send(message);
  }

  onHalfClose(): void {
    this.#stream.halfClose();
  }

  onBackpressure(isFull: boolean): void {
    this.#isFull = isFull;
    // One of them may be too much again.
    if (!isFull) for (const fn of this.#held.splice(0)) this.#tell(fn);
    if (this.#isFull === isFull) this.#stream.pause?.(isFull);
  }

  onCancel(): void {
    this.#held = [];
    this.#stream.cancel();
  }

  #tell(fn: () => void): void {
    if (this.#isFull) this.#held.push(fn);
    else fn();
  }
}
