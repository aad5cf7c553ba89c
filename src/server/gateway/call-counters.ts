import type { ConclaveError } from '../../core/errors.js';
import { Status, statusOf } from '../../store/etcd-errors.js';
import type { DuplexHandler, DuplexReply, RpcContext, UnaryHandler } from '../../wire/rpc-service.js';
import type { GrpcService } from '../grpc/service.js';
import { toPeer } from './to-peer.js';

/** Calls of one method. */
export interface MethodCount {
  readonly path: string;
  readonly isDuplex: boolean;
  readonly started: number;
  /** By gRPC status; a call that failed by a bug counts as INTERNAL. */
  readonly handled: ReadonlyMap<number, number>;
}

/** One method's calls while they are counted. */
export class Counter implements MethodCount {
  readonly path: string;
  readonly isDuplex: boolean;
  started = 0;
  readonly handled = new Map<number, number>();

  constructor(path: string, isDuplex: boolean) {
    this.path = path;
    this.isDuplex = isDuplex;
  }

  end(status: number): void {
    this.handled.set(status, (this.handled.get(status) ?? 0) + 1);
  }

  fail(error: unknown): void {
    this.end(statusOf(toPeer(error, () => {})).status);
  }
}

/** The calls of a server, whichever way they come in. */
export class CallCounters {
  readonly #counters = new Map<string, Counter>();

  /** Of every method that has been asked for. */
  counts(): readonly MethodCount[] {
    return [...this.#counters.values()];
  }

  of(path: string, isDuplex: boolean): Counter {
    const counter = this.#counters.get(path) ?? new Counter(path, isDuplex);
    this.#counters.set(path, counter);
    return counter;
  }
}

/** A service whose calls are counted. */
export class CountedService implements GrpcService {
  readonly #service: GrpcService;
  readonly #counters: CallCounters;
  readonly #unary = new Map<string, UnaryHandler<unknown, unknown>>();
  readonly #duplex = new Map<string, DuplexHandler<unknown, unknown>>();

  constructor(service: GrpcService, counters: CallCounters) {
    this.#service = service;
    this.#counters = counters;
  }

  unary(path: string): UnaryHandler<unknown, unknown> | undefined {
    const known = this.#unary.get(path);
    if (known !== undefined) return known;
    const handler = this.#service.unary(path);
    if (handler === undefined) return undefined;
    const counted = countedUnary(handler, this.#counters.of(path, false));
    this.#unary.set(path, counted);
    return counted;
  }

  duplex(path: string): DuplexHandler<unknown, unknown> | undefined {
    const known = this.#duplex.get(path);
    if (known !== undefined) return known;
    const handler = this.#service.duplex(path);
    if (handler === undefined) return undefined;
    const counted = countedDuplex(handler, this.#counters.of(path, true));
    this.#duplex.set(path, counted);
    return counted;
  }

  hasService(name: string): boolean {
    return this.#service.hasService(name);
  }
}

function countedUnary(handler: UnaryHandler<unknown, unknown>, counter: Counter): UnaryHandler<unknown, unknown> {
  const onAnswer = () => counter.end(Status.ok);
  const onFailure = (error: unknown) => counter.fail(error);
  return {
    method: handler.method,
    handle: (request, context) => {
      counter.started += 1;
      try {
        const answer = handler.handle(request, context);
        if (answer instanceof Promise) answer.then(onAnswer, onFailure);
        else onAnswer();
        return answer;
      } catch (error) {
        onFailure(error);
        throw error;
      }
    },
  };
}

function countedDuplex(handler: DuplexHandler<unknown, unknown>, counter: Counter): DuplexHandler<unknown, unknown> {
  return { method: handler.method, open: (reply, context) => openCounted(handler, counter, reply, context) };
}

function openCounted(
  handler: DuplexHandler<unknown, unknown>,
  counter: Counter,
  reply: DuplexReply<unknown>,
  context: RpcContext,
) {
  let isOver = false;
  const end = (status: number) => {
    if (!isOver) counter.end(status);
    isOver = true;
  };
  counter.started += 1;
  const endReply = (error?: ConclaveError) => {
    end(error === undefined ? Status.ok : statusOf(error).status);
    reply.end(error);
  };
  try {
    const call = handler.open({ send: (message) => reply.send(message), end: endReply }, context);
    return {
      onMessage: (message: unknown) => call.onMessage(message),
      onHalfClose: () => call.onHalfClose(),
      onBackpressure: (isFull: boolean) => call.onBackpressure?.(isFull),
      onCancel: () => {
        end(Status.cancelled);
        call.onCancel();
      },
    };
  } catch (error) {
    end(statusOf(toPeer(error, () => {})).status);
    throw error;
  }
}
