import { pass } from './pipe.js';
import { type Link, openLink, TcpProxy } from './tcp-proxy.js';

const lost = { type: 'blackhole' } as const;

/** Which way a member is cut off from its peers. */
export type Isolation = 'both' | 'hears nothing' | 'is not heard';

/**
 * The links between the members: each is reached by the others through a proxy. Who connects is told by the header that
 * etcd sends with its raft streams, so that a member can be cut off in what it sends as well as in what it is sent.
 */
export class PeerNetwork {
  readonly #proxies: TcpProxy[] = [];
  #idOf: (index: number) => string = () => '';
  #isolated: { readonly index: number; readonly how: Isolation } | undefined;
  #everywhere: Link = openLink;

  /** One per member; `places` are those at which the members listen, `hub` where they reach the proxies. */
  async start(places: readonly { readonly host: string; readonly port: number }[], hub: string): Promise<number[]> {
    for (const [to, { host: targetHost, port: targetPort }] of places.entries()) {
      const link = (source: string | undefined) => this.#linkBetween(source, to);
      const proxy = new TcpProxy({ targetHost, targetPort, sourceOf, link });
      await proxy.listen(0, hub);
      this.#proxies.push(proxy);
    }
    return this.#proxies.map(({ port }) => port);
  }

  /** Where the others find a member. */
  portOf(index: number): number {
    return this.#proxies[index]?.port ?? 0;
  }

  /** Ids are known only once the cluster is up. */
  learn(idOf: (index: number) => string): void {
    this.#idOf = idOf;
  }

  isolate(index: number, how: Isolation): void {
    this.#isolated = { index, how };
    this.#refresh();
  }

  /** For every link. */
  set links(link: Link) {
    this.#everywhere = link;
    this.#refresh();
  }

  cut(): void {
    for (const proxy of this.#proxies) proxy.cut();
  }

  heal(): void {
    this.#isolated = undefined;
    this.#everywhere = openLink;
    this.#refresh();
  }

  async close(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }

  #refresh(): void {
    for (const proxy of this.#proxies) proxy.refresh();
  }

  #linkBetween(source: string | undefined, to: number): Link {
    const isolated = this.#isolated;
    if (isolated === undefined) return this.#everywhere;
    const outgoing = source !== undefined && source === this.#idOf(isolated.index);
    if (!outgoing && to !== isolated.index) return this.#everywhere;
    const hears = isolated.how === 'is not heard' ? pass : lost;
    const isHeard = isolated.how === 'hears nothing' ? pass : lost;
    return outgoing ? { up: isHeard, down: hears } : { up: hears, down: isHeard };
  }
}

function sourceOf(head: string): string | undefined {
  return /\r\nX-Server-From: ([0-9a-f]+)\r\n/i.exec(head)?.[1];
}
