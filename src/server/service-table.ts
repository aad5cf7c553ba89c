import type { DuplexHandler, UnaryHandler } from '../wire/rpc-service.js';
import type { GrpcService } from './grpc/service.js';

/** Handlers by the paths of their methods. */
export class ServiceTable implements GrpcService {
  readonly #unary: ReadonlyMap<string, UnaryHandler<unknown, unknown>>;
  readonly #duplex: ReadonlyMap<string, DuplexHandler<unknown, unknown>>;
  readonly #services: ReadonlySet<string>;

  constructor(unary: readonly UnaryHandler<unknown, unknown>[], duplex: readonly DuplexHandler<unknown, unknown>[]) {
    this.#unary = new Map(unary.map((handler) => [handler.method.path, handler]));
    this.#duplex = new Map(duplex.map((handler) => [handler.method.path, handler]));
    const paths = [...this.#unary.keys(), ...this.#duplex.keys()];
    this.#services = new Set(paths.map((path) => path.slice(1, path.lastIndexOf('/'))));
  }

  unary(path: string): UnaryHandler<unknown, unknown> | undefined {
    return this.#unary.get(path);
  }

  duplex(path: string): DuplexHandler<unknown, unknown> | undefined {
    return this.#duplex.get(path);
  }

  hasService(name: string): boolean {
    return this.#services.has(name);
  }
}
