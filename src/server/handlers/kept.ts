import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import type { DuplexReply, RpcContext, UnaryHandler } from '../../wire/rpc-service.js';

/** The handler, whose answers and errors wait until what they tell of is on disk. In memory: the handler itself. */
export function whenKept(host: EngineHost, handler: UnaryHandler<unknown, unknown>): UnaryHandler<unknown, unknown> {
  if (!host.isDurable) return handler;
  return {
    method: handler.method,
    handle: (request, context) => {
      const answer = outcomeOf(handler, request, context);
      if (answer instanceof Promise) return keptAfter(host, answer);
      // What this call has done is with that already.
      return host.committed()?.then(() => answer) ?? answer;
    },
  };
}

/** What the handler gives; a promise where it throws. */
function outcomeOf(handler: UnaryHandler<unknown, unknown>, request: unknown, context: RpcContext): unknown {
  try {
    return handler.handle(request, context);
  } catch (error) {
    return Promise.reject(error);
  }
}

async function keptAfter(host: EngineHost, answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } finally {
    await host.committed();
  }
}

/** Sends answers in order, each when what it tells of is on disk. */
export class KeptReplies<Response> {
  readonly #host: EngineHost;
  readonly #reply: DuplexReply<Response>;
  #last: Promise<void> | undefined;
  #over = false;

  constructor(host: EngineHost, reply: DuplexReply<Response>) {
    this.#host = host;
    this.#reply = reply;
  }

  send(message: Response): void {
    this.#inTurn(() => this.#reply.send(message));
  }

  end(error?: ConclaveError): void {
    this.#inTurn(() => this.#end(error));
  }

  /** The reply must not be used any more. */
  cancel(): void {
    this.#over = true;
  }

  #inTurn(fn: () => void): void {
    const kept = this.#host.committed();
    if (kept === undefined && this.#last === undefined) {
      fn();
      return;
    }
    const turn = this.#answer(this.#last, kept, fn).finally(() => {
      if (this.#last === turn) this.#last = undefined;
    });
    this.#last = turn;
  }

  async #answer(before: Promise<void> | undefined, kept: Promise<void> | undefined, fn: () => void): Promise<void> {
    try {
      await Promise.all([before, kept]);
      if (!this.#over) fn();
    } catch (error) {
      this.#end(ConclaveError.from(error));
    }
  }

  #end(error?: ConclaveError): void {
    if (this.#over) return;
    this.#over = true;
    this.#reply.end(error);
  }
}
