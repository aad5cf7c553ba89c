import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import { statusOf } from '../../store/etcd-errors.js';
import type { WatchRequest, WatchResponse } from '../../store/messages.js';
import { watchMethods } from '../../wire/methods.js';
import type { DuplexCall, DuplexHandler, DuplexReply, RpcContext, UnaryHandler } from '../../wire/rpc-service.js';
import type { GrpcService } from '../grpc/service.js';
import { KeptReplies } from '../handlers/kept.js';
import { type AccessRule, accessRules, rootOnly } from './access.js';
import type { Authority } from './authority.js';
import { Caller } from './caller.js';

/** Asks for every request whether its caller may make it. Costs nothing while authentication is disabled. */
export class GuardedService implements GrpcService {
  readonly #service: GrpcService;
  readonly #host: EngineHost;
  readonly #authority: Authority;
  readonly #rules: ReadonlyMap<string, AccessRule>;
  readonly #unary = new Map<string, UnaryHandler<unknown, unknown>>();

  constructor(service: GrpcService, host: EngineHost, authority: Authority) {
    this.#service = service;
    this.#host = host;
    this.#authority = authority;
    this.#rules = accessRules(host);
  }

  /** The same without the guard: for the server's own questions. */
  get unguarded(): GrpcService {
    return this.#service;
  }

  hasService(name: string): boolean {
    return this.#service.hasService(name);
  }

  unary(path: string): UnaryHandler<unknown, unknown> | undefined {
    let guarded = this.#unary.get(path);
    if (guarded !== undefined) return guarded;
    const handler = this.#service.unary(path);
    if (handler === undefined) return undefined;
    guarded = this.#guardUnary(path, handler);
    this.#unary.set(path, guarded);
    return guarded;
  }

  /**
   * The check is one step with the request itself, so that nothing can change in between. A refusal tells of users and
   * roles, so it waits until those are on disk.
   */
  #guardUnary(path: string, handler: UnaryHandler<unknown, unknown>): UnaryHandler<unknown, unknown> {
    const checked = async (request: unknown, context: RpcContext) => {
      try {
        this.#check(path, request, context);
      } catch (error) {
        await this.#host.committed();
        throw error;
      }
      return handler.handle(request, context);
    };
    return {
      method: handler.method,
      handle: (request, context) =>
        this.#authority.store.enabled ? checked(request, context) : handler.handle(request, context),
    };
  }

  /** Authentication may be enabled while a stream is open: it is asked for at every message. */
  duplex(path: string): DuplexHandler<unknown, unknown> | undefined {
    const handler = this.#service.duplex(path);
    if (handler === undefined) return undefined;
    return {
      method: handler.method,
      open: (reply, context) => {
        const check = (message: unknown) => this.#check(path, message, context);
        const refuse = path === watchMethods.watch.path ? (error: unknown) => this.#refusedWatch(error) : undefined;
        return new GuardedCall(handler, reply, new KeptReplies(this.#host, reply), context, check, refuse);
      },
    };
  }

  #check(path: string, request: unknown, context: RpcContext): void {
    if (!this.#authority.store.enabled) return;
    const rule = this.#rules.get(path) ?? rootOnly;
    const leaseKeys = (id: bigint) => this.#host.engine.leaseKeys(id);
    rule(() => new Caller(this.#authority, leaseKeys, context), request);
  }

  /** As etcd refuses a watch: the stream goes on. */
  #refusedWatch(error: unknown): WatchResponse {
    const cancelReason = goErrorText(ConclaveError.from(error));
    const flags = { created: true, canceled: true, compactRevision: 0n, fragment: false, events: [] };
    return { header: this.#host.engine.header(), watchId: -1n, cancelReason, ...flags };
  }
}

/** A call of which every message is judged before the handler hears it. */
class GuardedCall implements DuplexCall<unknown> {
  readonly #refusals: KeptReplies<unknown>;
  readonly #call: DuplexCall<unknown>;
  readonly #check: (message: unknown) => void;
  readonly #refuse: ((error: unknown) => unknown) | undefined;
  #isOver = false;

  constructor(
    handler: DuplexHandler<unknown, unknown>,
    reply: DuplexReply<unknown>,
    refusals: KeptReplies<unknown>,
    context: RpcContext,
    check: (message: unknown) => void,
    refuse: ((error: unknown) => unknown) | undefined,
  ) {
    this.#refusals = refusals;
    this.#check = check;
    this.#refuse = refuse;
    this.#call = handler.open(reply, context);
  }

  onMessage(message: unknown): void {
    if (this.#isOver) return;
    try {
      this.#check(message);
    } catch (error) {
      this.#onRefused(error, message);
      return;
    }
    this.#call.onMessage(message);
  }

  onHalfClose(): void {
    if (!this.#isOver) this.#call.onHalfClose();
  }

  onBackpressure(isFull: boolean): void {
    if (!this.#isOver) this.#call.onBackpressure?.(isFull);
  }

  onCancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#refusals.cancel();
    this.#call.onCancel();
  }

  #onRefused(error: unknown, message: unknown): void {
    if (this.#refuse !== undefined && (message as WatchRequest).type === 'create') {
      this.#refusals.send(this.#refuse(error));
      return;
    }
    this.#isOver = true;
    this.#call.onCancel();
    this.#refusals.end(ConclaveError.from(error));
  }
}

/** Names of gRPC's codes as Go prints them, for those that a refusal can have. */
const goCodeNames: Readonly<Record<number, string>> = {
  3: 'InvalidArgument',
  7: 'PermissionDenied',
  16: 'Unauthenticated',
};

/** What Go's `Error()` makes of a gRPC status: clients of etcd find it in `cancel_reason`. */
function goErrorText(error: ConclaveError): string {
  const { status, text } = statusOf(error);
  return `rpc error: code = ${goCodeNames[status] ?? 'Unknown'} desc = ${text}`;
}
