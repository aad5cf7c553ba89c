import { expect, it, vi } from 'vitest';
import { concatBytes, utf8 } from '../../src/core/bytes.js';
import { lockMethods } from '../../src/wire/concurrency-methods.js';
import { failure, keyText } from './support/client.js';
import { describeServed, describeServedAlone } from './support/servers.js';

vi.setConfig({ testTimeout: 30_000 });

const unknown = 2;

describeServed('v3lockpb.Lock', (open) => {
  it('gives the lock: key <name>/<lease hex> on that lease, empty, at the revision of the header', async () => {
    const { name, client } = await open();
    const a = client();
    const lease = await a.grant();
    const { header, key } = await a.lock(name, lease);
    expect(keyText(key)).toBe(`${name}/${lease.toString(16)}`);
    const [place, ...others] = await a.below(`${name}/`);
    expect(others).toEqual([]);
    expect(place).toMatchObject({ lease, createRevision: header.revision });
    expect(place?.value).toHaveLength(0);
    await a.revoke(lease);
  });

  it('waits for those before it, in order, and is handed over by Unlock', async () => {
    const { name, client } = await open();
    const a = client();
    const [l1, l2, l3] = [await a.grant(), await a.grant(), await a.grant()];
    const order: string[] = [];
    const first = await a.lock(name, l1);
    const inOrder = async (lease: bigint, as: string) => {
      const answer = await a.lock(name, lease);
      order.push(as);
      return answer;
    };
    const second = inOrder(l2, 'second');
    await a.untilBelow(`${name}/`, 2);
    const third = inOrder(l3, 'third');
    await a.untilBelow(`${name}/`, 3);
    expect(order).toEqual([]);
    const { header } = await a.unlock(first.key);
    const got = await second;
    expect(got.header.revision >= header.revision).toBe(true);
    expect(order).toEqual(['second']);
    await a.unlock(got.key);
    await a.unlock((await third).key);
    expect(await a.below(`${name}/`)).toEqual([]);
    for (const lease of [l1, l2, l3]) await a.revoke(lease);
  });

  it('is given again at once to the lease that has it, and writes nothing', async () => {
    const { name, client } = await open();
    const a = client();
    const lease = await a.grant();
    const first = await a.lock(name, lease);
    const again = await a.lock(name, lease);
    expect(keyText(again.key)).toBe(keyText(first.key));
    expect(await a.below(`${name}/`)).toMatchObject([{ version: 1n }]);
    await a.revoke(lease);
  });

  it('without a lease: one of 60 s is granted, which the key tells', async () => {
    const { name, client } = await open();
    const a = client();
    const { key } = await a.lock(name);
    const [place] = await a.below(`${name}/`);
    expect(place?.lease).not.toBe(0n);
    expect(keyText(key)).toBe(`${name}/${place?.lease.toString(16)}`);
    await a.revoke(place?.lease ?? 0n);
    expect(await a.below(`${name}/`)).toEqual([]);
  });

  it('a lease that is not there: UNKNOWN, with the text of etcd', async () => {
    const { name, client } = await open();
    const a = client();
    expect(await failure(a.lock(name, 77_777n))).toEqual({
      code: unknown,
      text: 'etcdserver: requested lease not found',
    });
    expect(await a.below(`${name}/`)).toEqual([]);
  });

  it.each(['cancelled', 'out of time', 'disconnected'] as const)('a waiter that is %s leaves no key', async (how) => {
    const { name, client, cuttable } = await open();
    const a = client();
    const cut = await cuttable();
    const b = cut.client;
    const [l1, l2] = [await a.grant(), await a.grant()];
    const held = await a.lock(name, l1);
    const controller = new AbortController();
    const options = how === 'out of time' ? { deadlineMs: 700 } : { signal: controller.signal };
    const waiting = failure(b.lock(name, l2, options));
    await a.untilBelow(`${name}/`, 2);
    if (how === 'cancelled') controller.abort();
    else if (how === 'disconnected') cut.off();
    const { code } = await waiting;
    expect([1, 4, 14]).toContain(code);
    expect((await a.untilBelow(`${name}/`, 1)).map(({ key }) => keyText(key))).toEqual([keyText(held.key)]);
    for (const lease of [l1, l2]) await a.revoke(lease);
  });

  it('Unlock takes any key, and one that is not there; none at all is an error', async () => {
    const { name, client } = await open();
    const a = client();
    await a.put(`${name}x`, 'no lock at all');
    const { header } = await a.unlock(utf8(`${name}x`));
    expect(await a.below(name)).toEqual([]);
    expect((await a.unlock(utf8(`${name}x`))).header.clusterId).toBe(header.clusterId);
    expect(await failure(a.unlock(utf8('')))).toEqual({ code: unknown, text: 'etcdserver: key is not provided' });
  });

  it('names are bytes', async () => {
    const { name, client } = await open();
    const a = client();
    const raw = concatBytes(utf8(name), Uint8Array.of(0xff, 0x00, 0x80));
    const lease = await a.grant();
    const { key } = await a.unary(lockMethods.lock, { name: raw, lease });
    expect([...key]).toEqual([...raw, ...utf8(`/${lease.toString(16)}`)]);
    await a.revoke(lease);
  });
});

// All keys below "/" stand in its line: nobody else may use that etcd.
describeServedAlone('v3lockpb.Lock', (open) => {
  it('an empty name is a name', async () => {
    const { client } = await open();
    const a = client();
    const lease = await a.grant();
    const { key } = await a.lock('', lease);
    expect(keyText(key)).toBe(`/${lease.toString(16)}`);
    await a.revoke(lease);
  });
});
