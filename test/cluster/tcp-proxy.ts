import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Flow, Pipe, pass } from './pipe.js';

/** What happens to a connection, each way: `up` to the server, `down` to whoever connected. */
export interface Link {
  readonly up: Flow;
  readonly down: Flow;
  /** New connections are reset at once. */
  readonly refused?: boolean;
}

export const openLink: Link = { up: pass, down: pass };

export interface ProxyOptions {
  /** Default: 127.0.0.1. */
  readonly targetHost?: string | undefined;
  readonly targetPort: number;
  /**
   * Who connects, told from the first bytes, where one proxy serves several. Asked again with more bytes while it says
   * `undefined`, up to 4 KiB.
   */
  readonly sourceOf?: ((head: string) => string | undefined) | undefined;
  /** The link of a source as it is now. */
  readonly link?: ((source: string | undefined) => Link) | undefined;
}

const headMaxBytes = 4096;
const loopback = '127.0.0.1';

/** A port that leads to another one, as well or as badly as `link` says. */
export class TcpProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #link: Link = openLink;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** @param port 0: any that is free. */
  async listen(port = 0, host = loopback): Promise<void> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** For all sources, unless `options.link` decides. */
  set link(link: Link) {
    this.#link = link;
    this.refresh();
  }

  /** Looks at the links again. */
  refresh(): void {
    for (const connection of this.#connections) connection.refresh();
  }

  /** Resets every connection. */
  cut(): void {
    for (const connection of this.#connections) connection.reset();
  }

  /** Tells one side of every connection that the other has ended, while the other way stays open. */
  halfClose(side: 'server' | 'client'): void {
    for (const connection of this.#connections) connection.halfClose(side);
  }

  async close(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #linkOf(source: string | undefined): Link {
    return this.#options.link?.(source) ?? this.#link;
  }

  #accept(client: Socket): void {
    client.setNoDelay(true);
    client.on('error', () => {});
    if (this.#options.sourceOf === undefined && this.#linkOf(undefined).refused === true) {
      reset(client);
      return;
    }
    const connection = new Connection(client, this.#options, (source) => this.#linkOf(source));
    this.#connections.add(connection);
    client.on('close', () => this.#connections.delete(connection));
    connection.start();
  }
}

class Connection {
  readonly #client: Socket;
  readonly #options: ProxyOptions;
  readonly #linkOf: (source: string | undefined) => Link;
  #source: string | undefined;
  #server: Socket | undefined;
  #pipes: Pipe[] = [];

  constructor(client: Socket, options: ProxyOptions, linkOf: (source: string | undefined) => Link) {
    this.#client = client;
    this.#options = options;
    this.#linkOf = linkOf;
  }

  start(): void {
    if (this.#options.sourceOf === undefined) this.#open([]);
    else this.#sniff(this.#options.sourceOf);
  }

  refresh(): void {
    for (const pipe of this.#pipes) pipe.refresh();
  }

  reset(): void {
    reset(this.#client);
    if (this.#server !== undefined) reset(this.#server);
  }

  halfClose(side: 'server' | 'client'): void {
    if (side === 'client') this.#client.end();
    else this.#server?.end();
  }

  #sniff(sourceOf: (head: string) => string | undefined): void {
    const head: Buffer[] = [];
    const onData = (chunk: Buffer) => {
      head.push(chunk);
      const bytes = Buffer.concat(head);
      this.#source = sourceOf(bytes.toString('latin1'));
      if (this.#source === undefined && bytes.length < headMaxBytes && !bytes.includes('\r\n\r\n')) return;
      this.#client.off('data', onData);
      if (this.#linkOf(this.#source).refused === true) reset(this.#client);
      else this.#open(head);
    };
    this.#client.on('data', onData);
  }

  #open(head: readonly Buffer[]): void {
    const client = this.#client;
    const { targetHost: host = loopback, targetPort: port } = this.#options;
    const server = connect({ host, port, allowHalfOpen: true });
    this.#server = server;
    server.setNoDelay(true);
    // Either side's end without a word is told to the other in the same way.
    server.on('error', () => reset(client));
    server.on('close', () => client.destroySoon());
    client.on('close', () => server.destroySoon());
    client.on('error', () => reset(server));
    const up = new Pipe(client, server, () => this.#linkOf(this.#source).up);
    const down = new Pipe(server, client, () => this.#linkOf(this.#source).down);
    this.#pipes = [up, down];
    for (const chunk of head) up.push(chunk);
  }
}

/** libuv refuses to reset what is shutting down, and Node then never closes the handle. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
