import { afterEach, describe } from 'vitest';
import { randomHex } from '../../../src/core/runtime.js';
import { Scope } from '../../../src/core/scope.js';
import { NodeRuntime } from '../../../src/node/node-runtime.js';
import { startServer } from '../../../src/server/server.js';
import { describeEtcd, startEtcd } from '../../support/etcd.js';
import { ServicesClient } from './client.js';
import { startWire } from './wire.js';

/** What the services are served by. */
export type Served = 'conclave' | 'etcd';

export interface Bench {
  readonly served: Served;
  readonly url: string;
  readonly scope: Scope;
  /** Fresh, so that a shared server can be used. */
  readonly name: string;
  client(token?: string): ServicesClient;
  /** A client behind a wire that can be cut. */
  cuttable(): Promise<{ readonly client: ServicesClient; off(): void }>;
}

const runtime = new NodeRuntime();

/** Makes what one test needs; all is closed after it. */
export function bench(open: (scope: Scope) => Promise<string>, served: Served): () => Promise<Bench> {
  let scope = new Scope();
  afterEach(async () => {
    await scope.close();
    scope = new Scope();
  });
  return async () => {
    const mine = scope;
    const url = await open(mine);
    const clientOf = (to: string, token?: string) => {
      const client = new ServicesClient(to, token);
      mine.add(() => client.close());
      return client;
    };
    return {
      served,
      url,
      scope: mine,
      name: `/conclave-test/${randomHex(runtime)}`,
      client: (token) => clientOf(url, token),
      cuttable: async () => {
        const wire = await startWire(url);
        mine.add(() => wire.off());
        return { client: clientOf(wire.url), off: () => wire.off() };
      },
    };
  };
}

export async function ownServer(scope: Scope): Promise<string> {
  const server = await startServer({ runtime, listen: { host: '127.0.0.1', port: 0 } });
  scope.add(() => server.close());
  return server.url;
}

/** One script, the same expectations, our server and a real etcd. */
export function describeServed(title: string, fn: (open: () => Promise<Bench>) => void): void {
  describe(`${title} by our server`, () => fn(bench(ownServer, 'conclave')));
  describeEtcd(`${title} by etcd`, ({ url }) => fn(bench(async () => url, 'etcd')));
}

/** The same where the real etcd must have no other users. */
export function describeServedAlone(title: string, fn: (open: () => Promise<Bench>) => void): void {
  describe(`${title} by our server, alone`, () => fn(bench(ownServer, 'conclave')));
  describeEtcd(`${title} by an etcd of its own`, () => fn(bench(ownEtcd, 'etcd')));
}

async function ownEtcd(scope: Scope): Promise<string> {
  const etcd = await startEtcd();
  scope.add(() => etcd.stop());
  return etcd.url;
}
