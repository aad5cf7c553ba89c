import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { PermissionType } from '../../src/store/auth-messages.js';
import type { RequestOp, TxnRequest, WatchRequest, WatchResponse } from '../../src/store/messages.js';
import { authAdminMethods, clusterMethods, maintenanceMethods } from '../../src/wire/admin-methods.js';
import { kvMethods, leaseMethods, watchMethods } from '../../src/wire/methods.js';
import { AuthWorld } from './support/auth-world.js';

const denied = '7 etcdserver: permission denied';
const deniedWatch = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied';
const openEnd = new Uint8Array(1);
const own = utf8('app/1');
const foreign = utf8('secret');

describe("holes of etcd's that are closed here", () => {
  let world: AuthWorld;
  let alice: string;

  beforeEach(async () => {
    world = new AuthWorld();
    await world.populate();
    world.addRole('point', [PermissionType.read, 'app']);
    await world.addUser('paul', 'point');
    alice = await world.login('alice');
  });
  afterEach(() => world.host.close());

  const watchAnswer = (token: string | undefined, request: { key: Uint8Array; rangeEnd?: Uint8Array }) => {
    const call = world.open<WatchRequest, WatchResponse>(watchMethods.watch, token);
    call.ask({ type: 'create', request });
    world.host.put({ key: foreign, value: utf8('x') });
    call.close();
    return call;
  };

  // etcd-difference: rights-open-watch
  describe('CVE-2026-73499: a watch without an end is a watch of everything', () => {
    it.each([
      { what: 'from a granted key on', request: { key: own, rangeEnd: openEnd } },
      { what: 'from the first key on', request: { key: openEnd, rangeEnd: openEnd } },
      { what: 'from the empty key on', request: { key: new Uint8Array(0), rangeEnd: openEnd } },
      { what: 'to the end of the prefix and a little more', request: { key: utf8('app/'), rangeEnd: utf8('app0\0') } },
      { what: 'of a single foreign key', request: { key: foreign } },
    ])('refuses one $what, and tells nothing', ({ request }) => {
      const { sent } = watchAnswer(alice, request);
      expect(sent).toMatchObject([
        { created: true, canceled: true, watchId: -1n, cancelReason: deniedWatch, events: [] },
      ]);
    });

    it('refuses an open end to whoever may read but the one key', async () => {
      const paul = await world.login('paul');
      expect(watchAnswer(paul, { key: utf8('app') }).sent).toMatchObject([{ canceled: false }]);
      expect(watchAnswer(paul, { key: utf8('app'), rangeEnd: openEnd }).sent).toMatchObject([{ canceled: true }]);
      expect(watchAnswer(paul, { key: utf8('app'), rangeEnd: utf8('app\0') }).sent).toMatchObject([
        { canceled: false },
      ]);
    });

    it('lets those watch to the end who may read to the end', async () => {
      world.auth.addRole('tail');
      world.auth.grantPermission('tail', { permType: PermissionType.read, key: utf8('s'), rangeEnd: openEnd });
      await world.addUser('tom', 'tail');
      const tom = await world.login('tom');
      const { sent } = watchAnswer(tom, { key: utf8('sa'), rangeEnd: openEnd });
      expect(sent).toMatchObject([{ canceled: false }, { events: [{ kv: { key: new Uint8Array(foreign) } }] }]);
      expect(watchAnswer(tom, { key: utf8('r'), rangeEnd: openEnd }).sent).toMatchObject([{ canceled: true }]);
    });

    it('goes on with the other watches of the stream', () => {
      const call = world.open<WatchRequest, WatchResponse>(watchMethods.watch, alice);
      call.ask({ type: 'create', request: { key: own, rangeEnd: openEnd } });
      call.ask({ type: 'create', request: { key: own } });
      world.host.put({ key: own });
      call.close();
      expect(call.sent.slice(1)).toMatchObject([
        { created: true, canceled: false },
        { events: [{ kv: { key: new Uint8Array(own) } }] },
      ]);
    });
  });

  // etcd-difference: rights-nested-txn
  describe('CVE-2026-33343: whatever a txn carries is judged, however deep', () => {
    const range = (key: Uint8Array): RequestOp => ({ type: 'range', request: { key } });
    const put = (key: Uint8Array): RequestOp => ({ type: 'put', request: { key } });
    const nested = (request: TxnRequest): RequestOp => ({ type: 'txn', request });
    const deep = (op: RequestOp, levels: number): RequestOp =>
      levels === 0 ? op : nested({ success: [deep(op, levels - 1)] });

    it.each<[string, TxnRequest]>([
      ['a read in the branch taken', { success: [range(foreign)] }],
      ['a read in the branch not taken', { failure: [range(foreign)] }],
      ['a nested read', { success: [nested({ success: [range(foreign)] })] }],
      ['a nested write', { success: [nested({ success: [put(foreign)] })] }],
      ['a nested write in the branch not taken', { success: [nested({ failure: [put(foreign)] })] }],
      ['a nested compare', { success: [nested({ compare: [{ key: foreign, target: 0, version: 1n }] })] }],
      ['a compare', { compare: [{ key: foreign, target: 0, version: 1n }], success: [range(own)] }],
      ['a compare of a range', { compare: [{ key: own, rangeEnd: openEnd, target: 0, version: 1n }] }],
      ['a delete', { success: [{ type: 'deleteRange', request: { key: own, rangeEnd: openEnd } }] }],
      ['a read twenty levels down', { success: [deep(range(foreign), 20)] }],
    ])('refuses %s', async (_, request) => {
      const { revision } = world.host.stats();
      expect(await world.outcome(kvMethods.txn, request, alice)).toBe(denied);
      expect(world.host.stats().revision).toBe(revision);
      expect(await world.outcome(kvMethods.txn, request, await world.login('root'))).toBe('OK');
    });

    it('takes a txn of which everything is granted', async () => {
      const request = { compare: [{ key: own, target: 0, version: 0n }], success: [deep(put(own), 20), range(own)] };
      expect(await world.outcome(kvMethods.txn, request, alice)).toBe('OK');
    });
  });

  describe('CVE-2026-33413: nothing is told or done without a user', () => {
    it.each([
      { name: 'MemberList', run: () => world.outcome(clusterMethods.memberList, { linearizable: false }) },
      { name: 'Alarm', run: () => world.outcome(maintenanceMethods.alarm, { action: 0, memberId: 0n, alarm: 0 }) },
      { name: 'Alarm set', run: () => world.outcome(maintenanceMethods.alarm, { action: 1, memberId: 0n, alarm: 1 }) },
      { name: 'Status', run: () => world.outcome(maintenanceMethods.status, {}) },
      { name: 'HashKV', run: () => world.outcome(maintenanceMethods.hashKv, { revision: 0n }) },
      { name: 'Defragment', run: () => world.outcome(maintenanceMethods.defragment, {}) },
      { name: 'Compact', run: () => world.outcome(kvMethods.compact, { revision: 1n }) },
      { name: 'LeaseGrant', run: () => world.outcome(leaseMethods.grant, { ttl: 1n }) },
      { name: 'LeaseRevoke', run: () => world.outcome(leaseMethods.revoke, { id: 1n }) },
      { name: 'LeaseTimeToLive', run: () => world.outcome(leaseMethods.timeToLive, { id: 1n }) },
      { name: 'LeaseLeases', run: () => world.outcome(leaseMethods.leases, {}) },
      { name: 'UserList', run: () => world.outcome(authAdminMethods.userList, {}) },
    ])('$name is refused', async ({ run }) => {
      expect(await run()).toBe('3 etcdserver: user name is empty');
    });
  });

  // etcd-difference: rights-lease
  // etcd-difference: rights-txn-put
  describe('leases: whoever moves one moves the keys on it', () => {
    const grant = async (key: Uint8Array) => {
      const { id } = world.host.leaseGrant({ ttl: 60n });
      world.host.put({ key, lease: id });
      return id;
    };

    it('a put onto a lease with foreign keys is refused, alone and in a txn', async () => {
      const lease = await grant(foreign);
      const request = { key: own, lease };
      expect(await world.outcome(kvMethods.put, request, alice)).toBe(denied);
      expect(await world.outcome(kvMethods.txn, { success: [{ type: 'put', request }] }, alice)).toBe(denied);
      expect(await world.outcome(kvMethods.put, { key: own, lease: await grant(own) }, alice)).toBe('OK');
    });

    it('a lease with foreign keys is neither revoked nor kept alive nor shown', async () => {
      const id = await grant(foreign);
      expect(await world.outcome(leaseMethods.revoke, { id }, alice)).toBe(denied);
      expect(await world.outcome(leaseMethods.timeToLive, { id, keys: true }, alice)).toBe(denied);
      expect(await world.outcome(leaseMethods.timeToLive, { id }, alice)).toBe('OK');
      expect(await world.outcome(leaseMethods.leases, {}, alice)).toBe(denied);
      const call = world.open(leaseMethods.keepAlive, alice).ask({ id });
      expect(call.ends).toMatchObject([{ code: 'PERMISSION_DENIED' }]);
      expect(call.ask({ id }).sent).toEqual([]);
    });
  });

  it('authentication that is enabled while streams are open is asked for at their next message', () => {
    world.auth.disable();
    const keepAlive = world.open(leaseMethods.keepAlive).ask({ id: 1n });
    const watch = world.open<WatchRequest, WatchResponse>(watchMethods.watch);
    watch.ask({ type: 'create', request: { key: own } });
    world.auth.enable();
    expect(keepAlive.ask({ id: 1n }).ends).toMatchObject([{ message: 'etcdserver: user name is empty' }]);
    watch.ask({ type: 'create', request: { key: foreign } });
    expect(watch.sent[1]?.cancelReason).toBe('rpc error: code = InvalidArgument desc = etcdserver: user name is empty');
    watch.close();
  });
});
