import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { utf8Text } from '../../src/core/bytes.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { aborted, recipes } from './recipe-fixture.js';

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
  });
}
