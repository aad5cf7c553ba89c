import { Etcd3, EtcdLeaseInvalidError, EtcdLockFailedError, type Watcher } from 'etcd3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { eventually, prefixCount } from './support/wait.js';

function nextOf(watcher: Watcher, event: 'put' | 'delete'): Promise<{ key: string; value: string }> {
  return new Promise((resolve) => {
    const onEvent = (kv: { key: Buffer; value: Buffer }) => resolve({ key: String(kv.key), value: String(kv.value) });
    if (event === 'put') watcher.once('put', onEvent);
    else watcher.once('delete', onEvent);
  });
}

describe('npm etcd3 as a client', () => {
  let server: Server;
  let client: Etcd3;
  let other: Etcd3;

  beforeAll(async () => {
    server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
  });
  beforeEach(() => {
    client = new Etcd3({ hosts: server.url });
    other = new Etcd3({ hosts: server.url });
  });
  afterEach(async () => {
    client.close();
    other.close();
    await eventually(() => server.stats().calls === 0);
    expect(server.host.stats().watchers).toBe(0);
  });
  afterAll(() => server.close());

  it('puts, gets, lists and deletes', async () => {
    await client.put('a/1').value('one');
    await client.put('a/2').value(Buffer.from([0, 255, 128]));
    expect(await client.get('a/1').string()).toBe('one');
    expect(await client.get('a/2').buffer()).toEqual(Buffer.from([0, 255, 128]));
    expect(await client.get('a/none').string()).toBeNull();
    expect(await client.getAll().prefix('a/').keys()).toEqual(['a/1', 'a/2']);
    expect(await client.getAll().prefix('a/').count()).toBe(2);
    expect(await client.getAll().prefix('a/').sort('Key', 'Descend').limit(1).keys()).toEqual(['a/2']);
    const previous = await client.put('a/1').value('two').getPrevious();
    expect(String(previous.value)).toBe('one');
    const { deleted } = await client.delete().prefix('a/');
    expect(deleted).toBe('2');
    expect(await client.getAll().prefix('a/').count()).toBe(0);
  });

  it('runs transactions, with either branch', async () => {
    const txn = () =>
      client.if('t/key', 'Create', '==', 0).then(client.put('t/key').value('made')).else(client.get('t/key')).commit();
    expect((await txn()).succeeded).toBe(true);
    const second = await txn();
    expect(second.succeeded).toBe(false);
    expect(String(second.responses[0]?.response_range?.kvs[0]?.value)).toBe('made');
  });

  it('runs its software transactional memory', async () => {
    await client.put('stm').value('1');
    await client.stm({ isolation: 2 }).transact(async (tx) => {
      const value = Number(await tx.get('stm').string());
      await tx.put('stm').value(value + 1);
    });
    expect(await client.get('stm').number()).toBe(2);
  });

  it('watches a key and a prefix, cancels and goes on', async () => {
    const one = await client.watch().key('w/1').create();
    const all = await client.watch().prefix('w/').withPreviousKV().create();
    const puts = [nextOf(one, 'put'), nextOf(all, 'put')];
    await other.put('w/1').value('x');
    expect(await Promise.all(puts)).toEqual([
      { key: 'w/1', value: 'x' },
      { key: 'w/1', value: 'x' },
    ]);
    await one.cancel();
    expect(server.host.stats().watchers).toBe(1);
    const deleted = nextOf(all, 'delete');
    await other.delete().key('w/1');
    expect((await deleted).key).toBe('w/1');
    await all.cancel();
  });

  it('watches from a revision in the past', async () => {
    const { header } = await client.put('past').value('one');
    await client.put('past').value('two');
    const watcher = client.watch().key('past').startRevision(header.revision).watcher();
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      watcher.on('put', (kv) => {
        seen.push(String(kv.value));
        if (seen.length === 2) resolve();
      });
    });
    expect(seen).toEqual(['one', 'two']);
    await watcher.cancel();
  });

  it('keeps a lease alive and revokes it with its keys', async () => {
    const lease = client.lease(30);
    await lease.put('leased').value('x');
    await lease.keepaliveOnce();
    expect(await client.get('leased').string()).toBe('x');
    const id = await lease.grant();
    const { TTL, grantedTTL } = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
    expect(grantedTTL).toBe('30');
    expect(Number(TTL)).toBeGreaterThan(0);
    await lease.revoke();
    expect(await client.get('leased').string()).toBeNull();
    expect(server.host.stats().leases).toBe(0);
    await expect(client.leaseClient.leaseRevoke({ ID: id })).rejects.toThrow(EtcdLeaseInvalidError);
  });

  it('hears that its lease is gone', async () => {
    const lease = client.lease(30, { autoKeepAlive: false });
    const id = await lease.grant();
    await other.leaseClient.leaseRevoke({ ID: id });
    await expect(lease.keepaliveOnce()).rejects.toThrow(EtcdLeaseInvalidError);
  });

  it('Lock: excludes, and lets the next one in', async () => {
    const first = client.lock('lock-1').ttl(30);
    await first.acquire();
    await expect(other.lock('lock-1').acquire()).rejects.toThrow(EtcdLockFailedError);
    await first.release();
    await other.lock('lock-1').do(async () => {
      await expect(client.lock('lock-1').acquire()).rejects.toThrow(EtcdLockFailedError);
    });
    await eventually(() => server.host.stats().leases === 0);
  });

  it('Election: one leads, the other takes over, an observer hears of both', async () => {
    const election = client.election('boss', 30);
    const campaign = election.campaign('one');
    await campaign.wait();
    expect(await election.leader()).toBe('one');
    const observer = await other.election('boss', 30).observe();
    const rival = other.election('boss', 30).campaign('two');
    await prefixCount(server.host, 'election/boss/', 2);
    const leaders: string[] = [];
    const changed = new Promise<void>((resolve) => {
      observer.on('change', (value) => {
        if (value !== undefined) leaders.push(value);
        if (value === 'two') resolve();
      });
    });
    await campaign.resign();
    await rival.wait();
    await changed;
    expect(await election.leader()).toBe('two');
    expect(leaders.at(-1)).toBe('two');
    await rival.resign();
    await observer.cancel();
    await eventually(() => server.host.stats().leases === 0);
  });

  it('gets a large answer', async () => {
    const value = 'x'.repeat(100_000);
    for (let i = 0; i < 30; i++) await client.put(`large/${i}`).value(value);
    const all = await client.getAll().prefix('large/').strings();
    expect(Object.keys(all).length).toBe(30);
    expect(all['large/29']).toBe(value);
  });
});
