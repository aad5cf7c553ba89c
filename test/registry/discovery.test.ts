import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { utf8 } from '../../src/core/bytes.js';
import type { Discovery } from '../../src/registry/discovery.js';
import type { Instance } from '../../src/registry/instance.js';
import type { InstancesChange } from '../../src/registry/instances-change.js';
import type { Registration } from '../../src/registry/registration.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

function ids(discovery: Discovery): string {
  return discovery.instances.map(({ id }) => id).join(' ');
}

async function register(world: SimWorld, conclave: Conclave, id: string, more = {}): Promise<Registration> {
  return world.until(conclave.registry.register({ service: 'users', id, address: `${id}:80`, ...more }));
}

async function putRaw(world: SimWorld, key: string, value: string): Promise<void> {
  await world.truth.txn({ success: [{ type: 'put', request: { key: utf8(key), value: utf8(value) } }] });
}

async function removeRaw(world: SimWorld, key: string): Promise<void> {
  await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: utf8(key) } }] });
}

/** Collects changes until the discovery ends; text as `+a -b ~c`. */
function collect(discovery: Discovery): string[] {
  const told: string[] = [];
  const text = ({ joined, left, changed, resync }: InstancesChange) =>
    [
      ...(resync ? ['resync'] : []),
      ...joined.map(({ id }) => `+${id}`),
      ...left.map(({ id }) => `-${id}`),
      ...changed.map(({ after }) => `~${after.id}`),
    ].join(' ');
  const loop = async () => {
    for await (const change of discovery.changes()) told.push(text(change));
  };
  loop().catch((error: { code: string }) => told.push(error.code));
  return told;
}

describe('a discovery', () => {
  it('REGISTRY-10: shows the instances of one revision, and each change', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      await register(world, a.conclave, 'one', { zone: 'eu', metadata: { n: 1 } });
      const users = b.conclave.registry.discover('users');
      expect(users.instances).toEqual([]);
      await world.until(users.ready());
      expect(users.instances).toMatchObject([
        {
          service: 'users',
          id: 'one',
          address: 'one:80',
          zone: 'eu',
          metadata: { n: 1 },
          enabled: true,
          healthy: true,
        },
      ]);
      const told = collect(users);
      const two = await register(world, a.conclave, 'two');
      await world.settle();
      const list = users.instances;
      expect(users.instances).toBe(list);
      expect(Object.isFrozen(list)).toBe(true);
      await world.until(two.update({ weight: 3 }));
      await world.until(two.deregister());
      await world.settle();
      // It says that it goes before it does.
      expect(told).toEqual(['+two', '~two', '~two', '-two']);
      expect(list.map(({ id }) => id)).toEqual(['one', 'two']);
      expect(ids(users)).toBe('one');
      users.close();
      await world.settle();
      expect(told.at(-1)).toBe('CLOSED');
    }));

  it('REGISTRY-9: is one range and one watch, however many discover', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const many = Array.from({ length: 50 }, () => conclave.registry.discover('users'));
      for (const each of many) await world.until(each.ready());
      expect(store.counts).toMatchObject({ range: 1, watch: 1 });
      for (const each of many) each.close();
      expect(store.openWatches).toBe(0);
      const again = conclave.registry.discover('users');
      await world.until(again.ready());
      expect(store.counts).toMatchObject({ range: 2, watch: 2 });
      again.close();
      again.close();
    }));

  it('REGISTRY-9: a change costs what it changes: nothing is read again, and who has not changed is who it was', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const entry = (i: number, weight: number) =>
        putRaw(
          world,
          `services/users/${1000 + i}`,
          `{"Addr":"h:${1 + i}","Metadata":{"owner":"o","weight":${weight}}}`,
        );
      for (let i = 0; i < 300; i++) await entry(i, 1);
      const users = conclave.registry.discover('users');
      await world.until(users.ready());
      const before = new Map(users.instances.map((each) => [each.id, each]));
      const told = collect(users);
      for (let i = 0; i < 100; i++) await entry(i, 2);
      await removeRaw(world, 'services/users/1299');
      await world.settle();
      expect(told).toHaveLength(101);
      expect(users.instances.map(({ id }) => id)).toEqual([...before.keys()].slice(0, 299));
      expect(users.instances.filter((each) => before.get(each.id) !== each)).toHaveLength(100);
      expect(store.counts).toMatchObject({ range: 1, watch: 1 });
      users.close();
      await world.truth.txn({
        success: [
          { type: 'deleteRange', request: { key: utf8('services/users/'), rangeEnd: utf8('services/users0') } },
        ],
      });
    }));

  it('REGISTRY-11: never takes the instances of users-admin for those of users, nor what lies deeper', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      await world.until(conclave.registry.register({ service: 'users-admin', id: 'x', address: 'x:1' }));
      await world.until(conclave.registry.register({ service: 'users/eu', id: 'y', address: 'y:1' }));
      await register(world, conclave, 'one');
      const users = conclave.registry.discover('users');
      await world.until(users.ready());
      expect(ids(users)).toBe('one');
      const all = conclave.registry.discoverAll();
      await world.until(all.ready());
      expect(all.instances.map(({ service, id }) => `${service}:${id}`).sort()).toEqual([
        'users-admin:x',
        'users/eu:y',
        'users:one',
      ]);
      users.close();
      all.close();
    }));

  it('REGISTRY-12: finds what Go’s naming writes, and leaves out what cannot be read, with a warning', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      await putRaw(world, 'services/users/go', '{"Op":0,"Addr":"10.0.0.1:9","Metadata":{"shard":7}}');
      await putRaw(world, 'services/users/bare', '{"Op":0,"Addr":"10.0.0.2:9","Metadata":null}');
      await putRaw(world, 'services/users/text', '{"Addr":"10.0.0.3:9","Metadata":"blue"}');
      await putRaw(world, 'services/users/junk', 'not json');
      await putRaw(world, 'services/users/empty', '{"Op":0,"Addr":""}');
      await putRaw(world, 'services/users/poison', '{"Addr":"a:1","Metadata":{"owner":"x","weight":-4}}');
      const warned: string[] = [];
      conclave.registry.events.on('unreadable', (key) => warned.push(key));
      const users = conclave.registry.discover('users');
      await world.until(users.ready());
      expect(users.instances).toMatchObject([
        { id: 'bare', address: '10.0.0.2:9', metadata: {}, weight: 100, healthy: true },
        { id: 'go', address: '10.0.0.1:9', metadata: { shard: 7 } },
        { id: 'text', metadata: { value: 'blue' } },
      ]);
      expect(warned.sort()).toEqual(['services/users/empty', 'services/users/junk', 'services/users/poison']);
      users.close();
      for (const id of ['go', 'bare', 'text', 'junk', 'empty', 'poison'])
        await removeRaw(world, `services/users/${id}`);
    }));

  it('REGISTRY-13: keeps the last list while the store cannot be reached, and says so', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      await register(world, a.conclave, 'one');
      const users = b.conclave.registry.discover('users');
      await world.until(users.ready());
      await world.advance(10_000);
      expect(users.stale).toBe(false);
      b.store.partition();
      await world.advance(30_000);
      expect(users.stale).toBe(true);
      expect(users.staleMs).toBeGreaterThan(20_000);
      expect(ids(users)).toBe('one');
      expect(users.pick().instance.id).toBe('one');
      b.store.heal();
      await world.advance(10_000);
      expect(users.stale).toBe(false);
      users.close();
    }));

  it('REGISTRY-14: keeps most instances that vanish within one lease, for a while, and takes them back', () =>
    inWorld(async (world) => {
      const fleet = Array.from({ length: 5 }, () => world.client({ ttlMs: 5_000 }));
      for (const [i, { conclave }] of fleet.entries()) await register(world, conclave, `i${i}`);
      const watcher = world.client();
      const users = watcher.conclave.registry.discover('users', { massExpiry: { keepMs: 30_000 } });
      await world.until(users.ready());
      const told = collect(users);
      for (const { store } of fleet.slice(1)) store.partition();
      await world.advance(12_000);
      expect(ids(users)).toBe('i0 i1 i2 i3 i4');
      expect(users.kept.length).toBe(4);
      expect(users.stale).toBe(true);
      fleet[1]?.store.heal();
      await world.advance(10_000);
      expect(users.kept.map(({ id }) => id)).toEqual(['i2', 'i3', 'i4']);
      await world.advance(30_000);
      expect(ids(users)).toBe('i0 i1');
      expect(users.stale).toBe(false);
      expect(told.filter((each) => each.includes('~i1'))).toHaveLength(1);
      users.close();
    }));

  it('REGISTRY-14: lets go of those that drained first, and of a single one', () =>
    inWorld(async (world) => {
      const client = world.client();
      const fleet: Registration[] = [];
      for (const id of ['a', 'b', 'c', 'd']) fleet.push(await register(world, client.conclave, id));
      const users = client.conclave.registry.discover('users');
      await world.until(users.ready());
      await Promise.all(fleet.slice(1).map((each) => world.until(each.deregister({ drainMs: 100 }))));
      await world.settle();
      expect(ids(users)).toBe('a');
      await world.until((fleet[0] as Registration).deregister());
      await world.settle();
      expect(ids(users)).toBe('');
      users.close();
    }));

  it('REGISTRY-14: lets go of those that were given up, however many: they have said goodbye', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const all: Registration[] = [];
      for (const id of ['one', 'two', 'three', 'four']) all.push(await register(world, a.conclave, id));
      const users = b.conclave.registry.discover('users');
      await world.until(users.ready());
      await world.until(Promise.all(all.slice(1).map((each) => each.deregister())));
      await world.settle();
      expect([ids(users), users.kept, users.stale]).toEqual(['one', [], false]);
      users.close();
    }));

  it('REGISTRY-15: filters, and tells changes as the filter sees them', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const one = await register(world, conclave, 'one', { version: '1' });
      await register(world, conclave, 'two', { version: '2' });
      const users = conclave.registry.discover('users', { filter: ({ version }) => version === '2' });
      await world.until(users.ready());
      const told = collect(users);
      expect(ids(users)).toBe('two');
      await world.until(one.update({ version: '2' }));
      await world.until(one.update({ weight: 5 }));
      await world.until(one.update({ version: '1' }));
      await world.settle();
      expect(told).toEqual(['+one', '~one', '-one']);
      users.close();
    }));

  it('REGISTRY-15: leaves out whoever its filter throws at, says so, and goes on', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const told: [string, string][] = [];
      conclave.registry.events.on('unreadable', (key, error) => told.push([key, (error as Error).message]));
      const filter = ({ metadata }: Instance) => (metadata.tags as string[]).includes('x');
      const users = conclave.registry.discover('users', { filter });
      const all = conclave.registry.discover('users');
      await world.until(Promise.all([users.ready(), all.ready()]));
      await register(world, conclave, 'one', { metadata: { tags: ['x'] } });
      await putRaw(world, 'services/users/go', '{"Op":0,"Addr":"10.0.0.1:9"}');
      await register(world, conclave, 'two', { metadata: { tags: ['x'] } });
      await world.settle();
      expect([ids(users), ids(all)]).toEqual(['one two', 'go one two']);
      expect(users.pick().instance.id).toMatch(/one|two/);
      expect(new Set(told.map(([key]) => key))).toEqual(new Set(['services/users/go']));
      expect(told[0]?.[1]).toMatch(/undefined/);
      for (const each of [users, all]) each.close();
      await removeRaw(world, 'services/users/go');
    }));

  it('REGISTRY-15: a subset stays as it is when others come and go', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      for (let i = 0; i < 20; i++) await register(world, conclave, `i${i}`);
      const users = conclave.registry.discover('users', { subset: 5 });
      await world.until(users.ready());
      const before = new Set(users.instances.map(({ id }) => id));
      expect(before.size).toBe(5);
      const told = collect(users);
      const late = await register(world, conclave, 'late');
      await world.settle();
      const stayed = users.instances.filter(({ id }) => before.has(id)).length;
      expect(stayed).toBeGreaterThanOrEqual(4);
      expect(users.instances).toHaveLength(5);
      await world.until(late.deregister());
      await world.settle();
      expect(new Set(users.instances.map(({ id }) => id))).toEqual(before);
      expect(told.length === 0 || told.length === 3).toBe(true);
      users.close();
    }));

  it('REGISTRY-10: after a compaction shows what is there, in one change', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const one = await register(world, a.conclave, 'one');
      const users = b.conclave.registry.discover('users');
      await world.until(users.ready());
      const told = collect(users);
      b.store.partition();
      await world.until(one.deregister());
      await register(world, a.conclave, 'two');
      await register(world, a.conclave, 'three');
      const { header } = await world.truth.range({ key: utf8('x') });
      await world.truth.compact({ revision: header.revision });
      b.store.endWatches();
      b.store.heal();
      await world.advance(3_000);
      expect(told).toEqual(['resync +three +two -one']);
      users.close();
    }));

  it('is refused with wrong options, with nothing left behind', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      for (const options of [
        { subset: 0 },
        { staleAfterMs: -1 },
        { massExpiry: { share: 2 } },
        { ejection: { maxShare: 0 } },
      ]) {
        expect(() => conclave.registry.discover('users', options)).toThrow(
          expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
        );
      }
      expect(() => conclave.registry.discover('')).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
      expect(store.openWatches).toBe(0);
    }));

  it('ends with the connection', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const users = conclave.registry.discover('users');
      await world.until(users.ready());
      const reading = errorOf(users.changes().next());
      await world.until(conclave.close());
      expect(await world.until(reading)).toMatchObject({ code: 'CLOSED' });
      expect(await errorOf(users.changes().next())).toMatchObject({ code: 'CLOSED' });
      await users.ready();
      const late = conclave.registry.discover('users');
      expect(await world.until(errorOf(late.ready()))).toMatchObject({ code: 'CLOSED' });
    }));
});
