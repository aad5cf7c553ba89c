import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from '../../src/connect/connect.js';
import { Scope } from '../../src/core/scope.js';
import type { Registration } from '../../src/registry/registration.js';
import { roundRobin } from '../../src/registry/strategies/index.js';
import { untilShown } from '../support/until-shown.js';

/** What an instance does with a request: a status, or no answer at all. */
export type Behaviour = (request: IncomingMessage) => number | 'reset';

export interface WebInstance {
  readonly server: Server;
  readonly registration: Registration;
  /** Requests that have reached it. */
  readonly seen: string[];
}

/** A service over HTTP on real sockets, and a discovery of it. */
export class WebService {
  readonly scope = new Scope();
  readonly #conclave = connect('memory:').then((conclave) => {
    this.scope.add(() => conclave.close());
    return conclave;
  });

  async join(id: string, behaviour: Behaviour = () => 200, path = ''): Promise<WebInstance> {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        seen.push(`${request.method} ${request.url} ${body}`);
        const answer = behaviour(request);
        if (answer === 'reset') request.socket.destroy();
        else response.writeHead(answer, { 'content-type': 'text/plain' }).end(id);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.scope.add(() => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    const { port } = server.address() as AddressInfo;
    const address = path === '' ? `127.0.0.1:${port}` : `http://127.0.0.1:${port}${path}`;
    const registration = await (await this.#conclave).registry.register({ service: 'web', id, address });
    return { server, registration, seen };
  }

  /** One that is registered and not there. */
  async ghost(id: string): Promise<void> {
    const { server } = await this.join(id);
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** One whose address somebody else has written. */
  async strange(id: string, address: string): Promise<void> {
    await (await this.#conclave).put(`services/web/${id}`, JSON.stringify({ Op: 0, Addr: address }));
  }

  async discover(instances: number) {
    const discovery = (await this.#conclave).registry.discover('web', { strategy: roundRobin(), ejection: false });
    this.scope.add(() => discovery.close());
    await untilShown(discovery, () => discovery.instances.length === instances);
    return discovery;
  }
}
