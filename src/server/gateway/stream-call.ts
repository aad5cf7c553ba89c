import { ConclaveError } from '../../core/errors.js';
import type { DuplexCall, DuplexHandler } from '../../wire/rpc-service.js';
import { CallContext } from './call-context.js';
import { type GatewayEnvironment, maxJsonBytes } from './environment.js';
import type { HttpExchange } from './exchange.js';
import { callHeaders } from './headers.js';
import { streamErrorLine } from './http-error.js';
import { messageFromJson } from './json/from-json.js';
import { JsonSplitter } from './json/json-splitter.js';
import { messageToJson } from './json/to-json.js';
import { type Route, serverStreams } from './routes.js';
import { toPeer } from './to-peer.js';
import { answerError } from './unary-call.js';

/** A caller that leaves this much unread is not read from either, and its handler is told to wait. */
const fullAtUnsentBytes = 1024 * 1024;

/**
 * A call of many messages: JSON objects one after the other in the request's body, a line for each answer. It lives
 * on after the body's end as far as its handler does, and ends when the caller goes.
 */
export class StreamCall {
  readonly #exchange: HttpExchange;
  readonly #route: Route;
  readonly #handler: DuplexHandler<unknown, unknown>;
  readonly #environment: GatewayEnvironment;
  readonly #splitter: JsonSplitter;
  readonly #takesOne: boolean;
  #context: CallContext | undefined;
  #call: DuplexCall<unknown> | undefined;
  #messages = 0;
  #hasStarted = false;
  #isFull = false;
  #isOver = false;
  #stopTimer: (() => void) | undefined;

  constructor(
    exchange: HttpExchange,
    route: Route,
    handler: DuplexHandler<unknown, unknown>,
    environment: GatewayEnvironment,
  ) {
    this.#exchange = exchange;
    this.#route = route;
    this.#handler = handler;
    this.#environment = environment;
    this.#splitter = new JsonSplitter(maxJsonBytes(environment.limits));
    this.#takesOne = serverStreams.has(route.rpc);
  }

  start(): void {
    this.#guarded(() => {
      const context = new CallContext(this.#exchange, this.#environment.runtime);
      this.#context = context;
      context.over.catch((error: unknown) => this.#abort(error));
      const send = (message: unknown) => this.#guarded(() => this.#send(message));
      this.#call = this.#handler.open({ send, end: (error) => this.#end(error) }, context);
    });
    if (this.#isOver) return;
    const { body } = this.#exchange;
    body.on('data', (chunk: Buffer) => this.#guarded(() => this.#push(chunk)));
    body.on('end', () => this.#guarded(() => this.#onHalfClose()));
    this.#exchange.onDrain(() => this.#onDrain());
  }

  /** The server ends. */
  stop(error: ConclaveError): void {
    this.#abort(error);
  }

  #push(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#splitter.push(chunk, (object) => this.#onObject(object));
    if (!this.#splitter.isInside || this.#isOver) {
      this.#stopTimer?.();
      this.#stopTimer = undefined;
      return;
    }
    const { runtime, limits } = this.#environment;
    const late = () => this.#abort(new ConclaveError('TIMEOUT', 'a message of the request is incomplete'));
    this.#stopTimer ??= runtime.setTimer(limits.messageTimeoutMs, late);
  }

  #onObject(object: Buffer): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#isOver || (this.#takesOne && this.#messages > 0)) return;
    this.#messages += 1;
    const { request } = this.#handler.method;
    this.#call?.onMessage(request.decode(messageFromJson(this.#route.request, object)));
    // A handler that refuses at once has its status in the head, as etcd's gateway has.
    this.#startAnswer();
  }

  #onHalfClose(): void {
    if (this.#isOver) return;
    if (this.#splitter.isInside) throw new ConclaveError('INVALID_ARGUMENT', 'invalid JSON: it ends early');
    // An empty body is an empty message where one is expected.
    if (this.#takesOne && this.#messages === 0) this.#onObject(Buffer.from('{}'));
    if (!this.#isOver) this.#call?.onHalfClose();
  }

  #send(message: unknown): void {
    if (this.#isOver) return;
    this.#startAnswer();
    const exchange = this.#exchange;
    if (exchange.unsentBytes > this.#environment.limits.maxUnsentBytes) {
      this.#isOver = true;
      this.#settle();
      this.#call?.onCancel();
      exchange.destroy();
      return;
    }
    const plain = messageToJson(this.#route.response, this.#handler.method.response.encode(message));
    exchange.write(`${JSON.stringify({ result: plain })}\n`);
    if (!this.#isFull && exchange.unsentBytes > fullAtUnsentBytes) this.#setFull(true);
  }

  #onDrain(): void {
    if (this.#isFull && !this.#isOver) this.#guarded(() => this.#setFull(false));
  }

  #setFull(isFull: boolean): void {
    this.#isFull = isFull;
    if (isFull) this.#exchange.body.pause();
    else this.#exchange.body.resume();
    this.#call?.onBackpressure?.(isFull);
  }

  #startAnswer(): void {
    if (this.#hasStarted || this.#isOver) return;
    this.#hasStarted = true;
    this.#exchange.start(200, callHeaders);
  }

  /** A handler that throws has failed its call, and must still free what it holds. */
  #guarded(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.#abort(error);
    }
  }

  /** Over the handler's head: it hears of it. */
  #abort(error: unknown): void {
    if (this.#isOver) return;
    const call = this.#call;
    this.#end(toPeer(error, this.#environment.report));
    call?.onCancel();
  }

  #end(error?: ConclaveError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#settle();
    const exchange = this.#exchange;
    if (this.#hasStarted) {
      if (error !== undefined) exchange.write(streamErrorLine(error));
      exchange.end();
      return;
    }
    if (error === undefined) exchange.answer(200, callHeaders, '');
    else answerError(exchange, error, { isLast: true });
  }

  #settle(): void {
    this.#stopTimer?.();
    this.#context?.settle();
  }
}
