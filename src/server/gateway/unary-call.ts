import { ConclaveError } from '../../core/errors.js';
import type { UnaryHandler } from '../../wire/rpc-service.js';
import { CallContext } from './call-context.js';
import { type GatewayEnvironment, maxJsonBytes } from './environment.js';
import type { HttpExchange } from './exchange.js';
import { callHeaders, jsonHeaders } from './headers.js';
import { httpErrorOf } from './http-error.js';
import { messageFromJson } from './json/from-json.js';
import { messageToJson } from './json/to-json.js';
import { readBody } from './read-body.js';
import type { Route } from './routes.js';
import { toPeer } from './to-peer.js';

/** One message in, one out. */
export async function serveUnary(
  exchange: HttpExchange,
  route: Route,
  handler: UnaryHandler<unknown, unknown>,
  environment: GatewayEnvironment,
): Promise<void> {
  const { runtime, limits } = environment;
  const body = await readBody(exchange, runtime, maxJsonBytes(limits), limits.messageTimeoutMs);
  switch (body.type) {
    case 'complete':
      await answer(exchange, route, handler, environment, body.bytes);
      break;
    case 'too-large':
      answerError(exchange, tooLarge(limits.maxMessageBytes), { isLast: true });
      break;
    case 'too-slow':
      answerError(exchange, new ConclaveError('TIMEOUT', 'the request is incomplete'), { status: 408, isLast: true });
      break;
    case 'gone':
      break;
  }
}

async function answer(
  exchange: HttpExchange,
  route: Route,
  handler: UnaryHandler<unknown, unknown>,
  environment: GatewayEnvironment,
  body: Buffer,
): Promise<void> {
  const { maxMessageBytes, maxAnswerBytes } = environment.limits;
  let context: CallContext | undefined;
  try {
    context = new CallContext(exchange, environment.runtime);
    const bytes = messageFromJson(route.request, body);
    if (bytes.length > maxMessageBytes) throw tooLarge(maxMessageBytes, bytes.length);
    const request = handler.method.request.decode(bytes);
    const response = await Promise.race([handler.handle(request, context), context.over]);
    const text = JSON.stringify(messageToJson(route.response, handler.method.response.encode(response)));
    if (text.length > maxAnswerBytes) {
      const what = `grpc: trying to send message larger than max (${text.length} vs. ${maxAnswerBytes})`;
      throw new ConclaveError('RESOURCE_EXHAUSTED', what);
    }
    exchange.answer(200, callHeaders, text);
  } catch (error) {
    answerError(exchange, toPeer(error, environment.report));
  } finally {
    context?.settle();
  }
}

function tooLarge(maxBytes: number, bytes?: number): ConclaveError {
  const text = `grpc: received message larger than max (${bytes ?? 'more'} vs. ${maxBytes})`;
  return new ConclaveError('RESOURCE_EXHAUSTED', text);
}

export function answerError(
  exchange: HttpExchange,
  error: ConclaveError,
  how: { readonly status?: number; readonly isLast?: boolean } = {},
): void {
  const { httpStatus, body } = httpErrorOf(error);
  exchange.answer(how.status ?? httpStatus, jsonHeaders, JSON.stringify(body), how.isLast);
}
