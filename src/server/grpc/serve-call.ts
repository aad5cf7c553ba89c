import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { Codec } from '../../wire/codec/codec.js';
import type { DuplexCall, DuplexHandler, UnaryHandler } from '../../wire/rpc-service.js';
import type { CallReceiver, GrpcCall } from './call.js';

/** Told of what is no `ConclaveError`: a bug of ours, of which the peer learns no more than that. */
export type ReportBug = (error: unknown) => void;

/** Answers the first message; what comes after it is not read, as grpc-go does. */
export function serveUnary(call: GrpcCall, handler: UnaryHandler<unknown, unknown>, report: ReportBug): void {
  call.listen(new UnaryCall(call, handler, report), true);
}

class UnaryCall implements CallReceiver {
  readonly #call: GrpcCall;
  readonly #handler: UnaryHandler<unknown, unknown>;
  readonly #report: ReportBug;
  #isAnswering = false;

  constructor(call: GrpcCall, handler: UnaryHandler<unknown, unknown>, report: ReportBug) {
    this.#call = call;
    this.#handler = handler;
    this.#report = report;
  }

  onMessage(message: Bytes): void {
    if (this.#isAnswering) return;
    this.#isAnswering = true;
    try {
      const { method } = this.#handler;
      const answer = this.#handler.handle(decode(method.request, message), this.#call);
      if (answer instanceof Promise) void this.#answerLater(answer);
      else this.#call.sendLast(method.response.encode(answer));
    } catch (error) {
      this.#fail(error);
    }
  }

  onHalfClose(): void {
    if (!this.#isAnswering) this.#call.finish(new ConclaveError('INTERNAL', 'grpc: the call ended without a message'));
  }

  onBackpressure(): void {}

  onCancel(): void {}

  async #answerLater(answer: Promise<unknown>): Promise<void> {
    try {
      this.#call.sendLast(this.#handler.method.response.encode(await answer));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#call.finish(toPeer(error, this.#report));
  }
}

export function serveDuplex(call: GrpcCall, handler: DuplexHandler<unknown, unknown>, report: ReportBug): void {
  const { request, response } = handler.method;
  const reply = {
    send: (message: unknown) => call.send(response.encode(message)),
    end: (error?: ConclaveError) => call.finish(error),
  };
  let duplex: DuplexCall<unknown> | undefined;
  /** A handler that throws has failed its call, and must still free what it holds. */
  const guarded = (fn: () => void) => {
    try {
      fn();
    } catch (error) {
      call.abort(toPeer(error, report));
    }
  };
  call.listen(
    {
      onMessage: (message) => guarded(() => duplex?.onMessage(decode(request, message))),
      onHalfClose: () => guarded(() => duplex?.onHalfClose()),
      onBackpressure: (isFull) => guarded(() => duplex?.onBackpressure?.(isFull)),
      onCancel: () => duplex?.onCancel(),
    },
    false,
  );
  guarded(() => {
    duplex = handler.open(reply, call);
  });
}

function decode<Message>(codec: Codec<Message>, bytes: Bytes): Message {
  try {
    return codec.decode(bytes);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new ConclaveError('INTERNAL', `grpc: error unmarshalling request: ${text}`, { cause: error });
  }
}

function toPeer(error: unknown, report: ReportBug): ConclaveError {
  if (ConclaveError.is(error)) return error;
  report(error);
  return new ConclaveError('INTERNAL', 'internal error', { cause: error, outcome: 'unknown' });
}
