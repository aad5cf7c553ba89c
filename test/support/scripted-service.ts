import { noBytes, utf8 } from '../../src/core/bytes.js';
import type { ConclaveError } from '../../src/core/errors.js';
import type {
  Event,
  ResponseHeader,
  WatchCreateRequest,
  WatchRequest,
  WatchResponse,
} from '../../src/store/messages.js';
import { leaseMethods, type UnaryMethod, watchMethods } from '../../src/wire/methods.js';
import type { DuplexHandler, DuplexReply, RpcContext, RpcService, UnaryHandler } from '../../src/wire/rpc-service.js';

/** One duplex call as the server sees it: a test plays the server's part. */
export class ScriptedCall<Request, Response> {
  readonly received: Request[] = [];
  readonly metadata: Readonly<Record<string, string>>;
  cancelled = false;
  readonly #reply: DuplexReply<Response>;

  constructor(reply: DuplexReply<Response>, context: RpcContext) {
    this.#reply = reply;
    this.metadata = context.metadata;
  }

  send(...messages: Response[]): void {
    for (const message of messages) this.#reply.send(message);
  }

  end(error?: ConclaveError): void {
    this.#reply.end(error);
  }
}

type Answer = (request: never, context: RpcContext) => Promise<unknown>;

/** A service whose unary answers are functions and whose streams are played by the test. */
export class ScriptedService implements RpcService {
  readonly watches: ScriptedCall<WatchRequest, WatchResponse>[] = [];
  readonly keepAlives: ScriptedCall<
    { id?: bigint | undefined },
    { header: ResponseHeader; id: bigint; ttl: bigint }
  >[] = [];
  readonly #answers = new Map<string, UnaryHandler<unknown, unknown>>();

  on<Request, Response>(
    method: UnaryMethod<Request, Response>,
    answer: (request: Request, context: RpcContext) => Promise<Response>,
  ): this {
    const handle = answer as Answer as (request: unknown, context: RpcContext) => Promise<unknown>;
    this.#answers.set(method.path, { method: method as UnaryMethod<unknown, unknown>, handle });
    return this;
  }

  unary(path: string): UnaryHandler<unknown, unknown> | undefined {
    return this.#answers.get(path);
  }

  duplex(path: string): DuplexHandler<unknown, unknown> | undefined {
    if (path === watchMethods.watch.path) return recorder(this.watches, watchMethods.watch);
    if (path === leaseMethods.keepAlive.path) return recorder(this.keepAlives, leaseMethods.keepAlive);
    return undefined;
  }
}

function recorder<Request, Response>(
  calls: ScriptedCall<Request, Response>[],
  method: DuplexHandler<Request, Response>['method'],
): DuplexHandler<unknown, unknown> {
  const handler: DuplexHandler<Request, Response> = {
    method,
    open(reply, context) {
      const call = new ScriptedCall<Request, Response>(reply, context);
      calls.push(call);
      return {
        onMessage: (message) => void call.received.push(message),
        onHalfClose: () => {},
        onCancel: () => {
          call.cancelled = true;
        },
      };
    },
  };
  return handler as DuplexHandler<unknown, unknown>;
}

export function header(revision: bigint): ResponseHeader {
  return { clusterId: 1n, memberId: 1n, revision, raftTerm: 1n };
}

export function watchResponse(fields: Partial<Omit<WatchResponse, 'header'>> & { revision: bigint }): WatchResponse {
  const { revision, ...rest } = fields;
  const base = { watchId: 0n, created: false, canceled: false, compactRevision: 0n, cancelReason: '', fragment: false };
  return { header: header(revision), events: [], ...base, ...rest };
}

export function putEvent(modRevision: bigint, key = 'k'): Event {
  const kv = { key: utf8(key), createRevision: modRevision, modRevision, version: 1n, value: noBytes, lease: 0n };
  return { type: 0, kv, prevKv: undefined };
}

/** The creates a stream has received, in order. */
export function creates(call: ScriptedCall<WatchRequest, WatchResponse> | undefined): WatchCreateRequest[] {
  const found: WatchCreateRequest[] = [];
  for (const message of call?.received ?? []) if (message.type === 'create') found.push(message.request);
  return found;
}
