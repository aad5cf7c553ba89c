import type { UnaryMethod } from '../../wire/methods.js';
import type { RpcContext, UnaryHandler } from '../../wire/rpc-service.js';

/** A handler whose work is one synchronous step of the engine. */
export function unaryHandler<Request, Response>(
  method: UnaryMethod<Request, Response>,
  answer: (request: Request, context: RpcContext) => Response,
): UnaryHandler<Request, Response> {
  return { method, handle: answer };
}
