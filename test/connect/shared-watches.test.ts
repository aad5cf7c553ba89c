import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Conclave, connect, type WatchBatch } from '../../src/index.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';
import { describeEtcd, startEtcd } from '../support/etcd.js';

interface Served {
  readonly url: string;
  close(): Promise<unknown>;
}

const own = () => startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
const etcd = async (): Promise<Served> => {
  const server = await startEtcd();
  return { url: server.url, close: () => server.stop() };
};

describe('watches of one process, by the count of our server', () => suite(own));
describeEtcd('watches of one process, by the count of etcd', () => suite(etcd));

function suite(start: () => Promise<Served>): void {
  let server: Served;
  let conclave: Conclave;
  beforeAll(async () => {
    server = await start();
    conclave = await connect(server.url);
  });
  afterAll(async () => {
    await conclave.close();
    await server.close();
  });

  /** Resolves when the server says so: each question is a round trip, and it forgets a watch a little later. */
  async function watches(expected: number): Promise<void> {
    for (;;) {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      if (Number(/^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(text)?.[1]) === expected) return;
    }
  }

  /** Watches of one stream are created in order, and a cache is ready when its own is. */
  async function allCreated(): Promise<void> {
    await using cache = conclave.cache('marker/');
    await cache.ready();
  }

  it('SHARE-1: fifty plain watches of one prefix are one, whenever they began, and each is told', async () => {
    const readers = Array.from({ length: 50 }, () => conclave.watch({ prefix: 'shared/' }));
    const first = readers.slice(0, 25).map((each) => each.next());
    await allCreated();
    await watches(1);
    await conclave.put('shared/a', '1');
    expect(await Promise.all(first.map(keyOf))).toEqual(Array(25).fill('shared/a=1'));
    const second = readers.map((each) => each.next());
    await allCreated();
    await watches(1);
    await conclave.put('shared/b', '2');
    expect(await Promise.all(second.map(keyOf))).toEqual(Array(50).fill('shared/b=2'));
    await Promise.all(readers.map((each) => each.return()));
    await watches(0);
  });

  it('SHARE-1: fifty waits at one barrier are one watch', async () => {
    const barrier = conclave.barrier('gate');
    await barrier.raise();
    const waits = Array.from({ length: 50 }, () => conclave.barrier('gate').wait());
    await watches(1);
    await barrier.lift();
    await Promise.all(waits);
    await watches(0);
  });
}

async function keyOf(next: Promise<IteratorResult<WatchBatch, unknown>>): Promise<string> {
  const { value } = await next;
  return (value as WatchBatch).events.map(({ kv }) => `${kv.key}=${kv.value}`).join();
}
