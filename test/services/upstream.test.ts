import { describe, expect, it, vi } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { Scope } from '../../src/core/scope.js';
import { adminMethods } from '../../src/wire/admin-methods.js';
import { electionMethods } from '../../src/wire/concurrency-methods.js';
import { authMethods, kvMethods, leaseMethods, watchMethods } from '../../src/wire/methods.js';
import { http, post } from '../gateway/support/http-client.js';
import { describeEtcd, findEtcd, startEtcd } from '../support/etcd.js';
import { describeSkipped } from '../support/skip.js';
import { failure, keyText, ServicesClient } from './support/client.js';
import { bench } from './support/servers.js';
import { inFrontOf, startThree } from './support/upstream.js';

vi.setConfig({ testTimeout: 60_000 });

describeEtcd('conclave serve --upstream', ({ url }) => {
  const open = bench((scope) => inFrontOf(scope, url), 'conclave');

  it('locks through it and through etcd itself exclude each other, and tell the header of the cluster', async () => {
    const { name, client, scope } = await open();
    const through = client();
    const direct = new ServicesClient(url);
    scope.add(() => direct.close());
    const [l1, l2] = [await through.grant(), await through.grant()];
    const theirs = await direct.lock(name, l1);
    const ours = through.lock(name, l2);
    await direct.untilBelow(`${name}/`, 2);
    await direct.unlock(theirs.key);
    const { header, key } = await ours;
    const { clusterId, memberId, raftTerm } = theirs.header;
    expect(header).toMatchObject({ clusterId, memberId, raftTerm });
    await through.unlock(key);
    expect(await direct.below(`${name}/`)).toEqual([]);
    for (const lease of [l1, l2]) await direct.revoke(lease);
  });

  it('a waiter whose client is cut off leaves no key', async () => {
    const { name, client, cuttable } = await open();
    const a = client();
    const cut = await cuttable();
    const lease = await a.grant();
    const front = await a.grant();
    await a.lock(name, front);
    const waiting = failure(cut.client.lock(name, lease));
    await a.untilBelow(`${name}/`, 2);
    cut.off();
    await waiting;
    expect(await a.untilBelow(`${name}/`, 1)).toMatchObject([{ lease: front }]);
    for (const each of [lease, front]) await a.revoke(each);
  });

  it('hands everything else on: unary calls, streams, errors, what neither side knows', async () => {
    const { name, client } = await open();
    const a = client();
    const { header } = await a.put(`${name}/k`, 'v');
    const key = utf8(`${name}/k`);
    const watch = a.stream(watchMethods.watch, { type: 'create', request: { key, startRevision: header.revision } });
    expect(await watch.next()).toMatchObject({ created: true });
    const { events } = await watch.next();
    expect(events.map(({ kv }) => keyText(kv.value))).toEqual(['v']);
    watch.cancel();
    const lease = await a.grant();
    const beats = a.stream(leaseMethods.keepAlive, { id: lease });
    expect((await beats.next()).ttl).toBe(60n);
    beats.cancel();
    await a.revoke(lease);
    expect((await a.unary(adminMethods.status, {})).header.clusterId).toBe(header.clusterId);
    expect(await failure(a.unary(kvMethods.compact, { revision: header.revision + 1_000_000n }))).toEqual({
      code: 11,
      text: 'etcdserver: mvcc: required revision is a future revision',
    });
    expect(await failure(a.unary({ ...kvMethods.put, path: '/no.Such/Method' }, { key }))).toEqual({
      code: 12,
      text: 'unknown service no.Such',
    });
    await a.remove(key);
  });

  it('hands on large messages both ways', async () => {
    const { name, client } = await open();
    const a = client();
    const value = 'v'.repeat(1_000_000);
    await a.put(`${name}/1`, value);
    await a.put(`${name}/2`, value);
    const kvs = await a.below(`${name}/`);
    expect(kvs.map((kv) => kv.value.length)).toEqual([1_000_000, 1_000_000]);
    await Promise.all(['1', '2'].map((each) => a.remove(`${name}/${each}`)));
  });
});

describeEtcd('conclave serve --upstream in front of an etcd of its own', () => {
  /** An etcd of the test's own and ours in front of it. */
  const scenario = async (
    work: (etcd: Awaited<ReturnType<typeof startEtcd>>, url: string, scope: Scope) => unknown,
  ) => {
    const scope = new Scope();
    try {
      const etcd = await startEtcd();
      scope.add(() => etcd.stop());
      await work(etcd, await inFrontOf(scope, etcd.url), scope);
    } finally {
      await scope.close();
    }
  };

  it('waiters and observers outlive a restart of etcd; calls meanwhile are UNAVAILABLE', () =>
    scenario(async (etcd, url, scope) => {
      const a = new ServicesClient(url);
      scope.add(() => a.close());
      const [l1, l2] = [await a.grant(), await a.grant()];
      const { key } = await a.lock('n', l1);
      const waiting = a.lock('n', l2);
      const { leader } = await a.campaign('e', l1, 'one');
      const observed = a.observe('e');
      expect(keyText((await observed.next()).kv?.value)).toBe('one');
      await a.untilBelow('n/', 2);
      await etcd.kill();
      expect((await failure(a.put('k', 'v'))).code).toBe(14);
      await etcd.restart();
      await a.unlock(key);
      expect(keyText((await waiting).key)).toBe(`n/${l2.toString(16)}`);
      await a.campaign('e', leader.lease ?? 0n, 'two');
      expect(keyText((await observed.next()).kv?.value)).toBe('two');
      observed.cancel();
      await a.put('k', 'v');
    }));

  it('with authentication on, callers have their own rights, as with etcd itself, and for clean-up too', () =>
    scenario(async (etcd, url, scope) => {
      for (const words of [
        'user add root:pw',
        'user grant-role root root',
        'user add alice:pw',
        'role add locks',
        'role grant-permission locks readwrite mine/ --prefix=true',
        'user grant-role alice locks',
        'auth enable',
      ]) {
        expect((await etcd.etcdctl(words.split(' '))).stderr).toBe('');
      }
      for (const where of [etcd.url, url]) {
        const nobody = new ServicesClient(where);
        scope.add(() => nobody.close());
        const { token } = await nobody.unary(authMethods.authenticate, { name: 'alice', password: 'pw' });
        const [alice, liar] = [new ServicesClient(where, token), new ServicesClient(where, 'no token')];
        for (const client of [alice, liar]) scope.add(() => client.close());
        const told = (text: string) => ({ code: 2, text: `etcdserver: ${text}` });
        const [l1, l2] = [await alice.grant(), await alice.grant()];
        const { key } = await alice.lock('mine/x', l1);
        expect(await failure(alice.lock('other', l2))).toEqual(told('permission denied'));
        expect(await failure(alice.campaign('other', l2, 'v'))).toEqual(told('permission denied'));
        expect(await failure(alice.leader('other'))).toEqual(told('permission denied'));
        expect(await failure(nobody.lock('mine/x', l2))).toEqual(told('user name is empty'));
        expect(await failure(liar.lock('mine/x', l2))).toEqual(told('invalid auth token'));
        expect(await failure(nobody.unlock(key))).toEqual(told('user name is empty'));
        const controller = new AbortController();
        const waiting = failure(alice.lock('mine/x', l2, { signal: controller.signal }));
        await alice.untilBelow('mine/x/', 2);
        controller.abort();
        await waiting;
        // etcd-difference: line-clean-up-token
        // etcd 3.4.23 deletes the waiter's key without the token, so that it stays.
        if (where === url) await alice.untilBelow('mine/x/', 1);
        else await alice.revoke(l2);
        await alice.unlock(key);
        expect(await alice.below('mine/')).toEqual([]);
      }
    }));
});

const source = await findEtcd({ own: true });
const describeThree = (title: string, fn: () => void) =>
  'missing' in source || source.kind === 'binary'
    ? describeEtcd(title, fn)
    : describeSkipped(title, 'a cluster is made of processes, with an etcd binary', fn);

describeThree('conclave serve --upstream in front of three members', () => {
  it('the member that is asked is killed: waiters wait on, and every service works on with one endpoint', async () => {
    const scope = new Scope();
    try {
      const members = await startThree(scope);
      const a = new ServicesClient(await inFrontOf(scope, ...members.map((each) => each.url)));
      scope.add(() => a.close());
      const [l1, l2] = [await a.grant(), await a.grant()];
      const { key, header } = await a.lock('n', l1);
      const waiting = a.lock('n', l2);
      await a.untilBelow('n/', 2);
      await members[0]?.kill();
      await a.unlock(key);
      const got = await waiting;
      expect(keyText(got.key)).toBe(`n/${l2.toString(16)}`);
      expect(got.header.clusterId).toBe(header.clusterId);
      expect(got.header.memberId).not.toBe(header.memberId);
      await a.put('k', 'v');
      expect((await a.below('k')).map((kv) => keyText(kv.value))).toEqual(['v']);
    } finally {
      await scope.close();
    }
  });
});

describeThree('conclave serve --upstream under load', () => {
  it('a member is killed under calls, locks, an election and HTTP: nothing acknowledged is lost', async () => {
    const scope = new Scope();
    try {
      const members = await startThree(scope);
      const url = await inFrontOf(scope, ...members.map((each) => each.url));
      const a = new ServicesClient(url);
      scope.add(() => a.close());
      const [lead, next, holder, waiter] = [await a.grant(), await a.grant(), await a.grant(), await a.grant()];
      const { leader } = await a.campaign('e', lead, 'one');
      const observed = a.observe('e');
      expect(keyText((await observed.next()).kv?.value)).toBe('one');
      const waitingLead = a.campaign('e', next, 'two');
      const { key } = await a.lock('n', holder);
      const waitingLock = a.lock('n', waiter);
      await a.untilBelow('e/', 2);
      await a.untilBelow('n/', 2);
      const acknowledged: string[] = [];
      let isOver = false;
      const calls = (async () => {
        for (let i = 0; !isOver; i++) {
          const failed = await a.put(`c/${i}`, 'v').then(
            () => undefined,
            (error: unknown) => error as { readonly code: number },
          );
          if (failed === undefined) acknowledged.push(`c/${i}`);
          else expect(failed.code).toBe(14);
        }
      })();
      const untilAcknowledged = async (count: number) => {
        while (acknowledged.length < count) await post(url, '/v3/kv/range', { key: 'YQ==' });
      };
      await untilAcknowledged(50);
      await members[0]?.kill();
      await untilAcknowledged(acknowledged.length + 50);
      isOver = true;
      await calls;
      const kept = new Set((await a.below('c/')).map((kv) => keyText(kv.key)));
      expect(acknowledged.filter((each) => !kept.has(each))).toEqual([]);
      await a.unary(electionMethods.resign, { leader });
      expect(keyText((await waitingLead).leader?.key)).toBe(`e/${next.toString(16)}`);
      expect(keyText((await observed.next()).kv?.value)).toBe('two');
      observed.cancel();
      await a.unlock(key);
      expect(keyText((await waitingLock).key)).toBe(`n/${waiter.toString(16)}`);
      expect((await post(url, '/v3/kv/range', { key: 'YQ==' })).status).toBe(200);
      expect((await http(`${url}/health`)).status).toBe(200);
    } finally {
      await scope.close();
    }
  });
});

describe('conclave serve --upstream in front of nothing', () => {
  it('calls that are handed on are UNAVAILABLE and say why, locks wait for their deadline', async () => {
    const scope = new Scope();
    try {
      const a = new ServicesClient(await inFrontOf(scope, 'http://127.0.0.1:1'));
      scope.add(() => a.close());
      expect(await failure(a.put('k', 'v'))).toEqual({ code: 14, text: expect.stringContaining('ECONNREFUSED') });
      expect(await failure(a.lock('n', 7n, { deadlineMs: 300 }))).toMatchObject({ code: 4 });
    } finally {
      await scope.close();
    }
  });
});
