import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { noBytes, utf8Text } from '../../src/core/bytes.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { aborted, recipes } from './recipe-fixture.js';

const stop = new Error('stop');

/** What ephemeral keys promise, whatever they stand on. */
export function ephemeralContract(backend: Backend): void {
  describe('ephemeral keys', () => {
    const open = recipes(backend);
    const found = async (conclave: Conclave, key: string) => {
      const kv = await conclave.get(key);
      return kv === null ? null : utf8Text(kv.value);
    };

    it('EPHEMERAL-1, EPHEMERAL-4, EPHEMERAL-9: is there, changes, and goes with its connection', async () => {
      const { process, opened, places } = await open();
      const [a, b] = [await process(), await process()];
      const name = `${opened.prefix}e/1`;
      const key = await a.ephemeral(name, 'one');
      expect(await found(b, name)).toBe('one');
      await Promise.all([key.update('two'), key.update('three')]);
      expect([await found(b, name), key.status]).toEqual(['three', 'kept']);
      await a.close();
      await places('e/', 0);
      expect(key.status).toBe('ended');
    });

    it('EPHEMERAL-2, EPHEMERAL-3: comes back, and is never put over what is another’s', async () => {
      const { process, opened } = await open();
      const [a, b] = [await process(), await process()];
      const name = `${opened.prefix}e/1`;
      const key = await a.ephemeral(name, 'a');
      const back = new Promise<void>((resolve) => {
        key.events.on('status', (status) => status === 'kept' && resolve());
      });
      await b.delete(name);
      await back;
      expect(await found(b, name)).toBe('a');
      expect(await errorOf(b.ephemeral(name, 'b'))).toMatchObject({ code: 'CONFLICT' });
      const taken = await b.ephemeral(name, 'b', { takeOver: true });
      expect(await aborted(key.signal)).toMatchObject({ code: 'CONFLICT' });
      expect(await found(a, name)).toBe('b');
      await taken.delete();
      expect(await found(a, name)).toBeNull();
    });

    it('EPHEMERAL-2, EPHEMERAL-6: comes back on another lease, and has one keeper in a connection', async () => {
      const { process, opened } = await open();
      const conclave = await process({ ttlMs: 60_000 });
      const name = `${opened.prefix}e/1`;
      const key = await conclave.ephemeral(name, 'one');
      const { leaseId } = conclave.session;
      const statuses: string[] = [];
      const back = new Promise<void>((resolve) => {
        key.events.on('status', (status) => {
          statuses.push(status);
          if (status === 'kept') resolve();
        });
      });
      await opened.store.leaseRevoke({ id: leaseId });
      await back;
      expect(statuses).toEqual(['recovering', 'kept']);
      const kv = await conclave.get(name);
      expect([utf8Text(kv?.value ?? noBytes), kv?.lease === leaseId]).toEqual(['one', false]);
      expect(await errorOf(conclave.ephemeral(name, 'two'))).toMatchObject({ code: 'CONFLICT' });
      await key.delete();
      const next = await conclave.ephemeral(name, 'two');
      expect(await found(conclave, name)).toBe('two');
      await next.delete();
    });

    it('EPHEMERAL-5, EPHEMERAL-8: an abort leaves nothing; with a session of its own it ends with that', async () => {
      const { process, opened, places } = await open();
      const conclave = await process();
      const name = `${opened.prefix}e/1`;
      const aborts = new AbortController();
      const making = errorOf(conclave.ephemeral(name, 'x', { signal: aborts.signal }));
      aborts.abort(stop);
      expect(await making).toBe(stop);
      await places('e/', 0);
      await using session = await conclave.newSession({ ttlMs: 60_000 });
      const key = await conclave.ephemeral(name, 'own', { session });
      await opened.store.leaseRevoke({ id: session.leaseId });
      expect(await aborted(key.signal)).toMatchObject({ code: 'SESSION_LOST' });
      await places('e/', 0);
    });
  });
}
