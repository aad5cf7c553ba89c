import { expect, it, vi } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import type { LeaderResponse } from '../../src/wire/codec/election.js';
import { electionMethods } from '../../src/wire/concurrency-methods.js';
import { failure, keyText } from './support/client.js';
import { describeServed } from './support/servers.js';

vi.setConfig({ testTimeout: 30_000 });

const unknown = 2;
const leaderMissing = { code: unknown, text: '"leader" field must be provided' };
const notLeader = { code: unknown, text: 'election: not leader' };

function leads({ kv }: LeaderResponse): string {
  return keyText(kv?.value);
}

describeServed('v3electionpb.Election', (open) => {
  it('gives the lead: the key, its create revision and lease, and the header of the request', async () => {
    const { name, client } = await open();
    const a = client();
    const lease = await a.grant();
    const { header, leader } = await a.campaign(name, lease, 'one');
    expect(keyText(leader.name)).toBe(name);
    expect(keyText(leader.key)).toBe(`${name}/${lease.toString(16)}`);
    expect(leader).toMatchObject({ rev: header.revision, lease });
    const answer = await a.leader(name);
    expect(answer.kv).toMatchObject({ createRevision: leader.rev, lease, version: 1n });
    expect(leads(answer)).toBe('one');
    await a.revoke(lease);
    expect(await failure(a.leader(name))).toEqual({ code: unknown, text: 'election: no leader' });
  });

  it('waits for those before it; the header stays that of the request', async () => {
    const { name, client } = await open();
    const a = client();
    const [l1, l2] = [await a.grant(), await a.grant()];
    const first = await a.campaign(name, l1, 'one');
    const second = a.campaign(name, l2, 'two');
    const [, place] = await a.untilBelow(`${name}/`, 2);
    await a.unary(electionMethods.resign, { leader: first.leader });
    const { header, leader } = await second;
    expect(leads(await a.leader(name))).toBe('two');
    expect(header.revision).toBe(leader.rev);
    expect(place?.key).toBeDefined();
    for (const lease of [l1, l2]) await a.revoke(lease);
  });

  it('to stand again with the same lease and another value proclaims it', async () => {
    const { name, client } = await open();
    const a = client();
    const lease = await a.grant();
    const first = await a.campaign(name, lease, 'one');
    const again = await a.campaign(name, lease, 'two');
    expect(again.leader.rev).toBe(first.leader.rev);
    const answer = await a.leader(name);
    // The header is that of the read, before the proclamation; others may write to this etcd in between.
    expect(again.header.revision >= first.header.revision).toBe(true);
    expect(again.header.revision < (answer.kv?.modRevision ?? 0n)).toBe(true);
    expect([leads(answer), answer.kv?.version]).toEqual(['two', 2n]);
    await a.campaign(name, lease, 'two');
    expect((await a.leader(name)).kv?.version).toBe(2n);
    await a.revoke(lease);
  });

  it('without a lease, or with one that is not there', async () => {
    const { name, client } = await open();
    const a = client();
    const { leader } = await a.campaign(name, 0n, 'one');
    expect(leader.lease).not.toBe(0n);
    expect(keyText(leader.key)).toBe(`${name}/${leader.lease?.toString(16)}`);
    await a.revoke(leader.lease ?? 0n);
    expect(await failure(a.campaign(name, 77_777n, 'one'))).toEqual({
      code: unknown,
      text: 'etcdserver: requested lease not found',
    });
    expect(await a.below(`${name}/`)).toEqual([]);
  });

  it('Proclaim: by the leader, by who waits, by nobody else', async () => {
    const { name, client } = await open();
    const a = client();
    const [l1, l2] = [await a.grant(), await a.grant()];
    const { leader } = await a.campaign(name, l1, 'one');
    const { header } = await a.unary(electionMethods.proclaim, { leader, value: utf8('more') });
    const answer = await a.leader(name);
    expect(leads(answer)).toBe('more');
    expect(answer.kv).toMatchObject({ modRevision: header.revision, createRevision: leader.rev, lease: l1 });
    // The same value again is another change.
    await a.unary(electionMethods.proclaim, { leader, value: utf8('more') });
    expect((await a.leader(name)).kv?.version).toBe(3n);
    const second = a.campaign(name, l2, 'two');
    const kvs = await a.untilBelow(`${name}/`, 2);
    const waiting = kvs.find(({ lease }) => lease === l2);
    const waiter = { name: utf8(name), key: waiting?.key, rev: waiting?.createRevision, lease: l2 };
    await a.unary(electionMethods.proclaim, { leader: waiter, value: utf8('patience') });
    await a.unary(electionMethods.resign, { leader });
    await second;
    expect(leads(await a.leader(name))).toBe('patience');
    expect(await failure(a.unary(electionMethods.proclaim, { leader, value: utf8('late') }))).toEqual(notLeader);
    expect(await failure(a.unary(electionMethods.proclaim, { value: utf8('x') }))).toEqual(leaderMissing);
    for (const lease of [l1, l2]) await a.revoke(lease);
  });

  it('Resign: once, again, by who leads no more, by nobody', async () => {
    const { name, client } = await open();
    const a = client();
    const lease = await a.grant();
    const { leader } = await a.campaign(name, lease, 'one');
    const { header } = await a.unary(electionMethods.resign, { leader });
    expect(header.revision > (leader.rev ?? 0n)).toBe(true);
    await a.unary(electionMethods.resign, { leader });
    const { leader: anew } = await a.campaign(name, lease, 'two');
    await a.unary(electionMethods.resign, { leader });
    expect((await a.leader(name)).kv?.createRevision).toBe(anew.rev);
    expect(await failure(a.unary(electionMethods.resign, {}))).toEqual(leaderMissing);
    expect((await failure(a.unary(electionMethods.resign, { leader: {} }))).text).toBe(
      'etcdserver: key is not provided',
    );
    await a.revoke(lease);
  });

  it('a candidate that is cancelled leaves no key', async () => {
    const { name, client } = await open();
    const a = client();
    const [l1, l2] = [await a.grant(), await a.grant()];
    await a.campaign(name, l1, 'one');
    const controller = new AbortController();
    const waiting = failure(a.campaign(name, l2, 'two', { signal: controller.signal }));
    await a.untilBelow(`${name}/`, 2);
    controller.abort();
    await waiting;
    expect(await a.untilBelow(`${name}/`, 1)).toMatchObject([{ lease: l1 }]);
    for (const lease of [l1, l2]) await a.revoke(lease);
  });

  it('Observe: who leads, each proclamation, the next leader; nothing while nobody leads', async () => {
    const { name, client } = await open();
    const a = client();
    const [l1, l2] = [await a.grant(), await a.grant()];
    const early = a.observe(name);
    const { leader } = await a.campaign(name, l1, 'one');
    const first = await early.next();
    expect([leads(first), first.header.revision]).toEqual(['one', leader.rev]);
    const late = a.observe(name);
    expect(leads(await late.next())).toBe('one');
    const { header } = await a.unary(electionMethods.proclaim, { leader, value: utf8('more') });
    for (const stream of [early, late]) {
      const told = await stream.next();
      expect([leads(told), told.header.revision]).toEqual(['more', header.revision]);
    }
    await a.unary(electionMethods.resign, { leader });
    const { leader: next } = await a.campaign(name, l2, 'two');
    for (const stream of [early, late]) {
      const told = await stream.next();
      expect(leads(told)).toBe('two');
      expect(told.kv).toMatchObject({ createRevision: next.rev, lease: l2 });
      expect(told.header).toMatchObject({ clusterId: header.clusterId, memberId: header.memberId });
    }
    for (const stream of [early, late]) stream.cancel();
    for (const lease of [l1, l2]) await a.revoke(lease);
  });
});
