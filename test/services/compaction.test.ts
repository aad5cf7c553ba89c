import { expect, it, vi } from 'vitest';
import { kvMethods } from '../../src/wire/methods.js';
import type { ServicesClient } from './support/client.js';
import { keyText } from './support/client.js';
import { bench, ownServer } from './support/servers.js';

vi.setConfig({ testTimeout: 30_000 });

const open = bench(ownServer, 'conclave');

/** Compacts everything up to a revision of its own. */
async function compact(client: ServicesClient): Promise<void> {
  const { header } = await client.put('/elsewhere', 'x');
  await client.unary(kvMethods.compact, { revision: header.revision });
}

// etcd-difference: line-compaction
it('waiters of locks and elections get their turn, in order, though history goes while they wait', async () => {
  const { name, client } = await open();
  const a = client();
  const order: string[] = [];
  const leases = await Promise.all(Array.from({ length: 6 }, () => a.grant()));
  const wait = async (i: number, lease: bigint) => {
    const { key } = i % 2 === 0 ? await a.lock(name, lease) : (await a.campaign(name, lease, `${i}`)).leader;
    order.push(String(i));
    await compact(a);
    await a.unlock(key as Uint8Array);
  };
  const first = await a.lock(name, leases[0]);
  const waiting: Promise<void>[] = [];
  for (const [i, lease] of leases.slice(1).entries()) {
    waiting.push(wait(i, lease));
    await a.untilBelow(`${name}/`, i + 2);
    await compact(a);
  }
  await a.unlock(first.key);
  await Promise.all(waiting);
  expect(order).toEqual(['0', '1', '2', '3', '4']);
});

it('Observe goes on', async () => {
  const { name, client } = await open();
  const a = client();
  const stream = a.observe(name);
  for (const value of ['one', 'two', 'three']) {
    const lease = await a.grant();
    await a.campaign(name, lease, value);
    expect(keyText((await stream.next()).kv?.value)).toBe(value);
    await compact(a);
    await a.revoke(lease);
    await compact(a);
  }
  stream.cancel();
});
