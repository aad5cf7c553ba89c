import type { Runtime } from '../../../src/core/runtime.js';
import { GrpcServer } from '../../../src/server/grpc/grpc-server.js';
import { defaultLimits, type ServerLimits } from '../../../src/server/grpc/limits.js';
import { type Http2Kind, http2Of } from '../../../src/server/http2-kind.js';
import { Listener } from '../../../src/server/net/listener.js';
import { EchoService } from './echo-service.js';
import { RawClient } from './raw-client.js';

/** The transport alone, over an `EchoService`, and the clients that a test opened. */
export class TestGrpc {
  readonly service = new EchoService();
  readonly bugs: unknown[] = [];
  readonly #clients: RawClient[] = [];
  readonly #grpc: GrpcServer;
  readonly #listener: Listener;
  port = 0;

  static async start(runtime: Runtime, limits: Partial<ServerLimits> = {}, kind: Http2Kind = 'own'): Promise<TestGrpc> {
    const server = new TestGrpc(runtime, { ...defaultLimits, ...limits }, kind);
    server.port = await server.#listener.listen({ host: '127.0.0.1', port: 0 });
    return server;
  }

  private constructor(runtime: Runtime, limits: ServerLimits, kind: Http2Kind) {
    const report = (error: unknown) => this.bugs.push(error);
    const http2 = http2Of(kind, runtime, limits, report);
    this.#grpc = new GrpcServer({ runtime, limits, service: this.service, report, http2 });
    this.#listener = new Listener(runtime, limits, { http2: this.#grpc });
  }

  stats() {
    return this.#grpc.stats();
  }

  connect(options: { initialWindowSize?: number } = {}): Promise<RawClient> {
    const client = new RawClient(`http://127.0.0.1:${this.port}`, options);
    this.#clients.push(client);
    return client.ready();
  }

  async close(): Promise<void> {
    await this.closeClients();
    await this.closeServer();
  }

  async closeClients(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async closeServer(): Promise<void> {
    this.#listener.stop();
    await this.#grpc.close();
  }
}
