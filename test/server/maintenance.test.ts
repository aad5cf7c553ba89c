import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { snapshotHandler } from '../../src/server/handlers/snapshot.js';
import { writeSnapshot } from '../../src/server/maintenance/snapshot.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { clusterMethods, maintenanceMethods as methods } from '../../src/wire/admin-methods.js';
import { kvMethods, leaseMethods } from '../../src/wire/methods.js';
import { AuthWorld } from '../auth/support/auth-world.js';

const noSpace = '8 etcdserver: mvcc: database space exceeded';
const everything = { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };
const worlds: AuthWorld[] = [];
const newWorld = (options: ConstructorParameters<typeof AuthWorld>[0] = {}) => {
  const world = new AuthWorld({ memberId: 3n, ...options });
  worlds.push(world);
  return world;
};
afterEach(() => {
  for (const world of worlds.splice(0)) world.host.close();
});

const alarm = (action: number, type: number, memberId = 3n) => ({ action, memberId, alarm: type });
const put = (key: string, value = '') => ({ key: utf8(key), value: utf8(value) });

describe('alarms', () => {
  it('are raised once, listed by type, and taken back once', async () => {
    const world = newWorld();
    const ask = async (action: number, type: number, memberId = 3n) =>
      (await world.call(methods.alarm, alarm(action, type, memberId))).alarms;
    expect(await ask(0, 0)).toEqual([]);
    expect(await ask(1, 1)).toEqual([{ memberId: 3n, alarm: 1 }]);
    expect(await ask(1, 1)).toEqual([{ memberId: 3n, alarm: 1 }]);
    expect(await ask(1, 1, 0n)).toEqual([{ memberId: 0n, alarm: 1 }]);
    expect(await ask(1, 0)).toEqual([]);
    expect(await ask(0, 0)).toEqual([
      { memberId: 3n, alarm: 1 },
      { memberId: 0n, alarm: 1 },
    ]);
    expect(await ask(0, 2)).toEqual([]);
    expect((await world.call(methods.status, {})).errors).toEqual(['memberID:3 alarm:NOSPACE ', 'alarm:NOSPACE ']);
    expect(await ask(2, 1, 9n)).toEqual([]);
    expect(await ask(2, 1)).toEqual([{ memberId: 3n, alarm: 1 }]);
    expect(await ask(2, 1, 0n)).toEqual([{ memberId: 0n, alarm: 1 }]);
    expect((await world.call(methods.status, {})).errors).toEqual([]);
    expect(await world.outcome(methods.alarm, alarm(7, 1))).toContain('no alarm action 7');
    expect(await world.outcome(methods.alarm, alarm(1, 7))).toContain('no alarm of type 7');
  });

  it('NOSPACE refuses what takes room, and nothing else', async () => {
    const world = newWorld();
    world.host.put(put('k'));
    const { id } = world.host.leaseGrant({ ttl: 60n });
    await world.call(methods.alarm, alarm(1, 1));
    const nestedPut = {
      success: [{ type: 'txn' as const, request: { failure: [{ type: 'put' as const, request: put('x') }] } }],
    };
    expect(await world.outcome(kvMethods.put, put('x'))).toBe(noSpace);
    expect(await world.outcome(leaseMethods.grant, { ttl: 1n })).toBe(noSpace);
    expect(await world.outcome(kvMethods.txn, nestedPut)).toBe(noSpace);
    expect(await world.outcome(kvMethods.txn, { success: [{ type: 'range', request: everything }] })).toBe('OK');
    expect(await world.outcome(kvMethods.txn, { success: [{ type: 'deleteRange', request: put('x') }] })).toBe('OK');
    expect(await world.outcome(kvMethods.range, everything)).toBe('OK');
    expect(await world.outcome(kvMethods.deleteRange, everything)).toBe('OK');
    expect(await world.outcome(leaseMethods.revoke, { id })).toBe('OK');
    expect(await world.outcome(kvMethods.compact, { revision: 2n })).toBe('OK');
    await world.call(methods.alarm, alarm(2, 1));
    expect(await world.outcome(kvMethods.put, put('x'))).toBe('OK');
  });

  it('CORRUPT refuses everything about keys', async () => {
    const world = newWorld();
    await world.call(methods.alarm, alarm(1, 2));
    const corrupt = '15 etcdserver: corrupt cluster';
    expect(await world.outcome(kvMethods.range, everything)).toBe(corrupt);
    expect(await world.outcome(kvMethods.put, put('x'))).toBe(corrupt);
    expect(await world.outcome(kvMethods.deleteRange, everything)).toBe(corrupt);
    expect(await world.outcome(kvMethods.txn, {})).toBe(corrupt);
    expect(await world.outcome(kvMethods.compact, { revision: 1n })).toBe(corrupt);
    expect(await world.outcome(leaseMethods.grant, { ttl: 1n })).toBe(corrupt);
    expect(await world.outcome(leaseMethods.revoke, { id: 1n })).toBe(corrupt);
    await world.call(methods.alarm, alarm(2, 2));
    expect(await world.outcome(kvMethods.range, everything)).toBe('OK');
  });
});

// etcd-difference: size-estimate
describe('the quota', () => {
  it('raises NOSPACE by itself, and there is room again after compaction and disarming', async () => {
    const world = newWorld({ quotaBytes: 20_000 });
    const value = 'v'.repeat(1_000);
    let puts = 0;
    while ((await world.outcome(kvMethods.put, put('k', value))) === 'OK') puts += 1;
    expect(puts).toBe(Math.floor(20_000 / (1_000 + 1 + 512)));
    const { dbSize, dbSizeInUse, dbSizeQuota, errors } = await world.call(methods.status, {});
    expect([dbSize, dbSizeInUse, dbSizeQuota]).toEqual([BigInt(puts * 1_513), 1_513n, 20_000n]);
    expect(errors).toEqual(['memberID:3 alarm:NOSPACE ']);
    expect(await world.outcome(kvMethods.put, put('x'))).toBe(noSpace);
    world.host.compact({ revision: world.host.stats().revision });
    expect((await world.call(methods.status, {})).dbSize).toBe(1_513n);
    expect(await world.outcome(kvMethods.put, put('x'))).toBe(noSpace);
    await world.call(methods.alarm, alarm(2, 1));
    expect(await world.outcome(kvMethods.put, put('x'))).toBe('OK');
  });

  it('counts the larger branch of a txn', async () => {
    const world = newWorld({ quotaBytes: 3_000 });
    const op = (size: number) => ({ type: 'put' as const, request: put('k', 'v'.repeat(size)) });
    expect(await world.outcome(kvMethods.txn, { success: [], failure: [op(5_000)] })).toBe(noSpace);
    expect((await world.call(methods.alarm, alarm(0, 0))).alarms).toEqual([{ memberId: 3n, alarm: 1 }]);
  });

  it('knows at every time how much is kept and how much is live', () => {
    const step = fc.record({ kind: fc.nat(3), key: fc.nat(3), size: fc.nat(50) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const host = new EngineHost(new SimRuntime());
        for (const { kind, key, size } of steps) {
          const { revision } = host.stats();
          const { compactRevision } = host.engine.space;
          if (kind === 0) host.deleteRange({ key: utf8(`k${key}`) });
          else if (kind === 1 && revision > compactRevision) host.compact({ revision });
          else host.put(put(`k${key}`, 'v'.repeat(size)));
        }
        const copy = new EngineHost(new SimRuntime());
        copy.restore([...host.engine.checkpoint()]);
        expect({ ...sizes(copy) }).toEqual({ ...sizes(host) });
        const live = host.range(everything).kvs.reduce((sum, kv) => sum + kv.key.length + kv.value.length + 512, 0);
        expect(host.engine.space.bytes.live).toBe(live);
        if (host.stats().revision > host.engine.space.compactRevision)
          host.compact({ revision: host.stats().revision });
        expect(host.engine.space.bytes.kept).toBe(live);
        host.close();
        copy.close();
      }),
      { numRuns: 200 },
    );
  });
});

function sizes(host: EngineHost): { kept: number; live: number } {
  const { kept, live } = host.engine.space.bytes;
  return { kept, live };
}

describe('hashes', () => {
  const filled = (...values: string[]) => {
    const world = newWorld();
    for (const value of values) world.host.put(put('k', value));
    return world;
  };
  const hashOf = async (world: AuthWorld, revision = 0n) => (await world.call(methods.hashKv, { revision })).hash;

  it('of keys are equal for equal histories, at each revision, and for no others', async () => {
    const [a, b, c] = [filled('1', '2', '3'), filled('1', '2', '3'), filled('1', '2', '4')];
    expect(await hashOf(a)).toBe(await hashOf(b));
    expect(await hashOf(a)).not.toBe(await hashOf(c));
    expect(await hashOf(a, 3n)).toBe(await hashOf(c, 3n));
    expect(await hashOf(a, 2n)).not.toBe(await hashOf(a, 3n));
    for (const each of [a, b]) each.host.compact({ revision: 3n });
    expect(await hashOf(a)).toBe(await hashOf(b));
    expect(await hashOf(a)).not.toBe(await hashOf(c));
    expect(await a.call(methods.hashKv, { revision: 0n })).toMatchObject({ compactRevision: 3n, hashRevision: 4n });
    expect(await hashOf(a, 4n)).toBe(await hashOf(a));
  });

  it('are refused for revisions that are gone or to come', async () => {
    const world = filled('1', '2', '3');
    world.host.compact({ revision: 3n });
    expect(await world.outcome(methods.hashKv, { revision: 2n })).toContain('has been compacted');
    expect(await world.outcome(methods.hashKv, { revision: 3n })).toBe('OK');
    expect(await world.outcome(methods.hashKv, { revision: 5n })).toContain('is a future revision');
    expect(await world.outcome(methods.hashKv, { revision: -1n })).toContain('has been compacted');
  });

  it('of everything see users too', async () => {
    const [a, b] = [filled('1'), filled('1')];
    const hash = async (world: AuthWorld) => (await world.call(methods.hash, {})).hash;
    expect(await hash(a)).toBe(await hash(b));
    b.auth.addRole('r');
    expect(await hash(a)).not.toBe(await hash(b));
  });
});

describe('snapshots', () => {
  const populated = async () => {
    const world = newWorld();
    const { id } = world.host.leaseGrant({ ttl: 60n, id: 5n });
    for (let i = 0; i < 300; i++) world.host.put({ ...put(`k/${i}`, 'v'.repeat(i * 5)), lease: i % 2 ? id : 0n });
    world.host.deleteRange({ key: utf8('k/1'), rangeEnd: utf8('k/2') });
    await world.populate();
    return world;
  };

  it('come in chunks of 32 KiB and a hash of 32 bytes, which wait for a reader that is slow', async () => {
    const world = await populated();
    const whole = Buffer.from(writeSnapshot(world.host));
    expect(whole.length % 512).toBe(32);
    const sent: { remainingBytes: bigint; blob: Uint8Array; header: unknown }[] = [];
    let ends = 0;
    const handler = world.service.duplex(methods.snapshot.path);
    const token = await world.login('root');
    const context = { metadata: { token }, signal: new AbortController().signal };
    const call = handler?.open(
      { send: (chunk) => sent.push(chunk as (typeof sent)[0]), end: () => (ends += 1) },
      context,
    );
    call?.onBackpressure?.(true);
    call?.onMessage({});
    expect(sent).toEqual([]);
    call?.onBackpressure?.(false);
    call?.onHalfClose();
    expect(ends).toBe(1);
    expect(Buffer.concat(sent.map(({ blob }) => blob)).equals(whole)).toBe(true);
    expect(sent.slice(0, -2).every(({ blob }) => blob.length === 32 * 1024)).toBe(true);
    expect(sent.at(-1)?.blob.length).toBe(32);
    expect(sent.map(({ remainingBytes }) => remainingBytes).at(-1)).toBe(0n);
    expect(sent.every(({ header }) => header === undefined)).toBe(true);
  });
});

it('a snapshot that takes long is made with breaks, and is of the moment when it was asked for', async () => {
  const world = newWorld();
  for (let i = 0; i < 300; i++) world.host.put(put(`k/${i}`, 'v'.repeat(i * 5)));
  const whole = writeSnapshot(world.host);
  let nowMs = 0;
  const timers: (() => void)[] = [];
  const runtime = {
    monotonicMs: () => ++nowMs,
    setTimer: (_: number, fn: () => void) => {
      timers.push(fn);
      return () => {};
    },
  };
  const sent: Uint8Array[] = [];
  const end = vi.fn();
  const reply = { send: ({ blob }: { blob: Uint8Array }) => void sent.push(blob), end };
  const context = { metadata: {}, signal: new AbortController().signal };
  snapshotHandler(world.host, runtime).open(reply, context).onMessage({});
  let breaks = 0;
  for (let timer = timers.shift(); timer !== undefined; timer = timers.shift()) {
    breaks++;
    expect(sent).toEqual([]);
    world.host.put(put('k/1', `later ${breaks}`));
    world.host.deleteRange({ key: utf8('k/2') });
    world.host.compact({ revision: world.host.engine.space.revision });
    timer();
  }
  expect([breaks > 5, end.mock.calls]).toEqual([true, [[undefined]]]);
  expect(Buffer.concat(sent).equals(whole)).toBe(true);
});

describe('the rest', () => {
  it.each([
    { what: 'to validate', request: { action: 0, version: '3.4.0' }, outcome: 'OK' },
    { what: 'to validate, short', request: { action: 0, version: '3.4' }, outcome: 'OK' },
    {
      what: 'to the same',
      request: { action: 0, version: '3.5.0' },
      outcome: '3 etcdserver: invalid downgrade target version',
    },
    {
      what: 'to nonsense',
      request: { action: 0, version: 'x' },
      outcome: '3 etcdserver: wrong downgrade target version format',
    },
    { what: 'in earnest', request: { action: 1, version: '3.4.0' }, outcome: '9 etcdserver: not capable' },
    { what: 'to cancel', request: { action: 2, version: '' }, outcome: '9 etcdserver: no inflight downgrade job' },
    {
      what: 'to do what is unknown',
      request: { action: 9, version: '' },
      outcome: '3 conclave: there is no downgrade action 9',
    },
  ])('a downgrade $what: $outcome', async ({ request, outcome }) => {
    expect(await newWorld().outcome(methods.downgrade, request)).toBe(outcome);
  });

  it('moves the leader to itself only, without a header', async () => {
    const world = newWorld();
    expect(await world.call(methods.moveLeader, { targetId: 3n })).toEqual({ header: undefined });
    expect(await world.outcome(methods.moveLeader, { targetId: 4n })).toBe('9 etcdserver: bad leader transferee');
    expect(methods.moveLeader.response.encode({ header: undefined }).length).toBe(0);
  });

  // etcd-difference: member-add
  it('has one member, whose peer addresses can be set', async () => {
    const world = newWorld();
    const peerUrls = ['http://b:2380', 'https://[::1]:2380', 'http://a:1'];
    const { header, members } = await world.call(clusterMethods.memberUpdate, { id: 3n, peerUrls });
    expect([header.revision, members[0]?.peerUrls]).toEqual([0n, [...peerUrls].sort()]);
    const add = (...urls: string[]) => world.outcome(clusterMethods.memberAdd, { peerUrls: urls, isLearner: false });
    expect(await add('http://a:1')).toBe('9 etcdserver: Peer URLs already exists');
    expect(await add('http://c:1')).toContain('12 conclave: a server has one member');
    const invalid = '3 etcdserver: given member URLs are invalid';
    for (const url of ['', 'a:1', 'ftp://a:1', 'http://a', 'http://a:1/x', 'http://a b:1', 'http://a:1?x']) {
      expect(await add(url), url).toBe(invalid);
    }
    expect(await add()).toBe(invalid);
    expect(await world.outcome(clusterMethods.memberUpdate, { id: 9n, peerUrls })).toBe(
      '5 etcdserver: member not found',
    );
    expect(await world.outcome(clusterMethods.memberPromote, { id: 9n })).toBe('5 etcdserver: member not found');
    expect(await world.outcome(clusterMethods.memberRemove, { id: 9n })).toBe('5 etcdserver: member not found');
  });
});
