import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { Codec } from '../../wire/codec/codec.js';
import type { DuplexCall, DuplexHandler, UnaryHandler } from '../../wire/rpc-service.js';
import type { GrpcCall } from './call.js';

/** Told of what is no `ConclaveError`: a bug of ours, of which the peer learns no more than that. */
export type ReportBug = (error: unknown) => void;

/** Answers the first message; what comes after it is not read, as grpc-go does. */
export function serveUnary(call: GrpcCall, handler: UnaryHandler<unknown, unknown>, report: ReportBug): void {
  let isAnswering = false;
  const answer = async (message: Bytes) => {
    try {
      const request = decode(handler.method.request, message);
      call.sendLast(handler.method.response.encode(await handler.handle(request, call)));
    } catch (error) {
      call.finish(toPeer(error, report));
    }
  };
  const onMessage = (message: Bytes) => {
    if (isAnswering) return;
    isAnswering = true;
    void answer(message);
  };
  const onHalfClose = () => {
    if (!isAnswering) call.finish(new ConclaveError('INTERNAL', 'grpc: the call ended without a message'));
  };
  call.listen({ onMessage, onHalfClose, onBackpressure: () => {}, onCancel: () => {} }, true);
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
