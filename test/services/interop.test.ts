import { describe, expect, it, vi } from 'vitest';
import { connect } from '../../src/index.js';
import { etcdctl, findEtcdctl } from '../cli/support/cli.js';
import { describeEtcd } from '../support/etcd.js';
import { describeSkipped } from '../support/skip.js';
import { keyText } from './support/client.js';
import { type Bench, bench, ownServer } from './support/servers.js';
import { inFrontOf } from './support/upstream.js';

vi.setConfig({ testTimeout: 60_000 });

function suite(open: () => Promise<Bench>): void {
  it('Lock waits for etcdctl lock, and etcdctl for Lock', async () => {
    const { name, client, url } = await open();
    const a = client();
    const lease = await a.grant();
    await using first = etcdctl(url, ['lock', name]);
    const key = await first.line();
    const ours = a.lock(name, lease);
    await a.untilBelow(`${name}/`, 2);
    await using second = etcdctl(url, ['lock', name]);
    await a.untilBelow(`${name}/`, 3);
    await a.remove(key);
    const got = await ours;
    expect(keyText(got.key)).toBe(`${name}/${lease.toString(16)}`);
    await a.unlock(got.key);
    expect(await second.line()).toContain(`${name}/`);
    await a.revoke(lease);
  });

  it('Campaign waits for etcdctl elect, and Leader and Observe tell of it', async () => {
    const { name, client, url } = await open();
    const a = client();
    const lease = await a.grant();
    const observed = a.observe(name);
    await using theirs = etcdctl(url, ['elect', name, 'theirs']);
    const key = await theirs.line();
    expect(keyText((await observed.next()).kv?.value)).toBe('theirs');
    expect(keyText((await a.leader(name)).kv?.key)).toBe(key);
    const ours = a.campaign(name, lease, 'ours');
    await a.untilBelow(`${name}/`, 2);
    await a.remove(key);
    await ours;
    expect(keyText((await observed.next()).kv?.value)).toBe('ours');
    observed.cancel();
    await a.revoke(lease);
  });

  it('Lock and Campaign stand in one line with our own recipes of the same name', async () => {
    const { name, client, url } = await open();
    const a = client();
    const lease = await a.grant();
    await using conclave = await connect(url);
    const held = await conclave.lock(name);
    const ours = a.lock(name, lease);
    await a.untilBelow(`${name}/`, 2);
    await held.release();
    const { key } = await ours;
    expect(await conclave.tryLock(name)).toBeNull();
    await a.unlock(key);
    await using again = await conclave.lock(name);
    expect(again.held).toBe(true);
    await a.revoke(lease);
  });
}

const missing = findEtcdctl() === undefined ? 'no etcdctl found' : undefined;
if (missing === undefined) {
  describeEtcd('through --upstream', ({ url }) => suite(bench((scope) => inFrontOf(scope, url), 'conclave')));
  describe('through our own server', () => suite(bench(ownServer, 'conclave')));
} else {
  describeSkipped('beside etcdctl', missing, () => suite(bench(ownServer, 'conclave')));
}
