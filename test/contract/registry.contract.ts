import { describe, expect, it } from 'vitest';
import type { Discovery } from '../../src/registry/discovery.js';
import type { Registration } from '../../src/registry/registration.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { untilShown } from '../support/until-shown.js';
import { aborted, recipes } from './recipe-fixture.js';

const one = { service: 'users', id: 'one', address: 'one:80' };

/** Resolves when the list is exactly `ids`. */
function shows(discovery: Discovery, ...ids: string[]): Promise<void> {
  return untilShown(discovery, () => discovery.instances.map(({ id }) => id).join() === ids.join());
}

/** Resolves at the next change to `status`. */
function becomes(registration: Registration, status: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (now: string) => {
      if (now !== status) return;
      registration.events.off('status', look);
      resolve();
    };
    registration.events.on('status', look);
  });
}

/** What the registry promises, whatever it stands on. */
export function registryContract(backend: Backend): void {
  describe('the registry', () => {
    const open = recipes(backend);

    it('REGISTRY-1, REGISTRY-5, REGISTRY-10: instances are found, change and go', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const users = b.registry.discover('users');
      const first = await a.registry.register({ ...one, metadata: { n: 1 }, zone: 'eu' });
      await a.registry.register({ service: 'users', id: 'two', address: 'two:80' });
      await shows(users, 'one', 'two');
      expect(users.instances[0]).toMatchObject({ address: 'one:80', metadata: { n: 1 }, zone: 'eu' });
      const changes = users.changes();
      const next = changes.next();
      await first.update({ weight: 5 });
      expect((await next).value).toMatchObject({ changed: [{ after: { id: 'one', weight: 5 } }], resync: false });
      await first.deregister();
      await shows(users, 'two');
      await a.close();
      await shows(users);
      await places('services/', 0);
      users.close();
    });

    it('REGISTRY-2: comes back after its lease was revoked, and after a delete by hand', async () => {
      const { opened, process } = await open();
      const [a, b] = [await process(), await process()];
      const registration = await a.registry.register(one);
      const users = b.registry.discover('users', { massExpiry: false });
      await shows(users, 'one');
      const recovered = becomes(registration, 'registered');
      await opened.store.leaseRevoke({ id: a.session.leaseId });
      await recovered;
      await shows(users, 'one');
      const again = becomes(registration, 'registered');
      await a.delete(registration.key);
      await again;
      await shows(users, 'one');
      users.close();
    });

    it('REGISTRY-3: one id, one registration', async () => {
      const { process } = await open();
      const [a, b] = [await process(), await process()];
      const first = await a.registry.register(one);
      expect(await errorOf(b.registry.register(one))).toMatchObject({ code: 'CONFLICT' });
      expect(first.status).toBe('registered');
      const second = await b.registry.register(one, { takeOver: true });
      expect(await aborted(first.signal)).toMatchObject({ code: 'CONFLICT' });
      expect(second.status).toBe('registered');
    });

    it('REGISTRY-4: an operator switches an instance off and on', async () => {
      const { process } = await open();
      const [a, operator] = [await process(), await process()];
      await a.registry.register(one);
      const users = operator.registry.discover('users');
      await shows(users, 'one');
      const changes = users.changes();
      for (const enabled of [false, true]) {
        const next = changes.next();
        expect(await operator.registry.setEnabled('users', 'one', enabled)).toBe(true);
        await next;
        expect(users.available).toHaveLength(enabled ? 1 : 0);
      }
      users.close();
    });

    it('REGISTRY-2, REGISTRY-13: both sides go on after the connections broke and the store came back', async () => {
      const { opened, process } = await open({ exclusive: true });
      const [a, b] = [await process({ ttlMs: 30_000 }), await process({ ttlMs: 30_000 })];
      const registration = await a.registry.register(one);
      const users = b.registry.discover('users');
      await shows(users, 'one');
      await opened.interrupt();
      expect(users.instances).toHaveLength(1);
      await b.registry.register({ service: 'users', id: 'two', address: 'two:80' });
      await shows(users, 'one', 'two');
      expect(registration.status).toBe('registered');
      users.close();
    });
  });
}
