import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import type { Discovery } from '../../src/registry/discovery.js';
import { Registry } from '../../src/registry/registry.js';
import { MemoryFiles } from '../config/support/config-world.js';
import { type Client, errorOf, inWorld } from '../support/sim-world.js';

const saved = { snapshotFile: 'users.json' };

function registryOf({ context }: Client, files: MemoryFiles): Registry {
  return new Registry(context, files);
}

function ids({ instances }: Discovery): string {
  return instances.map(({ id }) => id).join(' ');
}

describe('the snapshot of a service', () => {
  it('REGISTRY-17: is the list until the store’s first word, which then is told as what differs', () =>
    inWorld(async (world) => {
      const files = new MemoryFiles();
      const owner = world.client();
      const first = await world.until(
        owner.conclave.registry.register({ service: 'users', id: 'one', address: 'one:80' }),
      );
      await world.until(
        owner.conclave.registry.register({ service: 'users', id: 'two', address: 'two:80', zone: 'eu' }),
      );
      const before = registryOf(world.client(), files).discover('users', saved);
      await world.until(before.ready());
      const { revision } = before;
      await world.until(before[Symbol.asyncDispose]());

      const away = world.client();
      away.store.partition();
      const users = registryOf(away, files).discover('users', { ...saved, startWaitMs: 500 });
      const next = users.changes().next();
      await world.until(users.ready({ timeoutMs: 600 }));
      expect(users).toMatchObject({ revision, stale: true });
      expect(users.instances).toMatchObject([
        { id: 'one', address: 'one:80', leaseId: owner.conclave.session.leaseId },
        { id: 'two', zone: 'eu', key: 'services/users/two' },
      ]);
      expect((await next).value).toMatchObject({ joined: [{ id: 'one' }, { id: 'two' }], resync: false });
      expect(users.pick().instance.service).toBe('users');

      const changes = users.changes();
      const said = changes.next();
      await world.until(first.deregister());
      await world.until(owner.conclave.registry.register({ service: 'users', id: 'three', address: 'three:80' }));
      away.store.heal();
      expect((await world.until(said)).value).toMatchObject({
        resync: true,
        joined: [{ id: 'three' }],
        left: [{ id: 'one' }],
        changed: [],
      });
      expect(ids(users)).toBe('three two');
      expect(users).toMatchObject({ stale: false, kept: [] });
      users.close();
    }));

  it('REGISTRY-17: is written at most once a second, and never while most are missing', () =>
    inWorld(async (world) => {
      const files = new MemoryFiles();
      let writes = 0;
      const replace = files.replace.bind(files);
      files.replace = (path, text) => {
        writes += 1;
        return replace(path, text);
      };
      const users = registryOf(world.client(), files).discover('users', saved);
      await world.until(users.ready());
      const fleet = world.client({ ttlMs: 5_000 });
      for (let i = 0; i < 20; i++) {
        await world.until(fleet.conclave.registry.register({ service: 'users', id: `i${i}`, address: 'a:1' }));
      }
      await world.advance(2_000);
      expect(writes).toBeLessThanOrEqual(2);
      const whole = files.texts.get('users.json');
      expect(JSON.parse(whole ?? '')).toMatchObject({ place: 'services/users/', keys: { length: 20 } });
      fleet.store.partition();
      await world.advance(20_000);
      expect(users.kept).toHaveLength(20);
      expect(files.texts.get('users.json')).toBe(whole);
      users.close();
    }));

  it('REGISTRY-17: of something else, damaged, unreadable or not there, is none; a bad entry is left out', () =>
    inWorld(async (world) => {
      const files = new MemoryFiles();
      await world.truth.txn({
        success: ['{"Addr":"a:1"}', '{"Addr":"b:1"}'].map((value, i) => ({
          type: 'put',
          request: { key: utf8(`services/users/${i}`), value: utf8(value) },
        })),
      });
      const users = registryOf(world.client(), files).discover('users', saved);
      await world.until(users.ready());
      await world.until(users[Symbol.asyncDispose]());
      const good = files.texts.get('users.json') ?? '';
      const start = async (text: string | undefined) => {
        if (text === undefined) files.texts.delete('users.json');
        else files.texts.set('users.json', text);
        const blind = world.client();
        blind.store.partition();
        const registry = registryOf(blind, files);
        const failed: string[] = [];
        registry.events.on('snapshotFailed', (path, error) => failed.push(`${path} ${String(error)}`));
        const discovery = registry.discover('users', saved);
        const outcome = await world.until(errorOf(discovery.ready({ timeoutMs: 5_000 })).catch(() => ids(discovery)));
        discovery.close();
        return { outcome, failed: failed.length };
      };
      const timeout = expect.objectContaining({ code: 'TIMEOUT' });
      expect(await start(undefined)).toEqual({ outcome: timeout, failed: 0 });
      expect(await start(good.slice(0, 40))).toEqual({ outcome: timeout, failed: 1 });
      expect(await start(good.replace('services/users/', 'services/books/'))).toEqual({ outcome: timeout, failed: 1 });
      expect(await start(good.replace('Addr', 'Bddr'))).toEqual({ outcome: '1', failed: 1 });
      files.broken.add('users.json');
      expect(await start(good)).toEqual({ outcome: timeout, failed: 1 });
      for (const key of ['services/users/0', 'services/users/1']) {
        await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: utf8(key) } }] });
      }
    }));
});
