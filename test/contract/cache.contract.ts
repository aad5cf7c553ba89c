import { describe, expect, it } from 'vitest';
import type { Cache } from '../../src/cache/cache.js';
import type { CacheChange } from '../../src/cache/cache-change.js';
import { put } from '../../src/store/ops.js';
import type { Backend } from '../support/backends.js';
import { recipesOfData } from './recipe-fixture.js';

const text = { decode: 'text' } as const;

function change(cache: Cache<string>): Promise<CacheChange<string>> {
  return new Promise((resolve) => cache.events.once('change', resolve));
}

/** What caches promise, whatever they stand on. */
export function cacheContract(backend: Backend): void {
  describe('caches', () => {
    const start = recipesOfData(backend);

    it('CACHE-1, CACHE-3: what others write is seen whole, and told', async () => {
      const { process, opened } = await start();
      const [writer, reader] = [await process(), await process()];
      const prefix = `${opened.prefix}a/`;
      await writer.put(`${prefix}1`, 'x');
      const cache = reader.cache(prefix, text);
      await cache.ready();
      expect(cache.view.entries.map(({ value }) => value)).toEqual(['x']);
      const heard = change(cache);
      const { header } = await writer
        .txn()
        .then(put(`${prefix}1`, 'y'), put(`${prefix}2`, 'new'))
        .commit();
      const { revision, resync, keys } = await heard;
      expect([revision, resync, keys.map(({ before, after }) => [before?.value, after?.value])]).toEqual([
        header.revision,
        false,
        [
          ['x', 'y'],
          [undefined, 'new'],
        ],
      ]);
      expect(cache.get(`${prefix}2`)).toMatchObject({ value: 'new', createRevision: header.revision, version: 1n });
      cache.close();
    });

    it('CACHE-2: a consistent read has every write that was acknowledged before it', async () => {
      const { process, opened } = await start();
      const [writer, reader] = [await process(), await process()];
      const prefix = `${opened.prefix}a/`;
      const cache = reader.cache(prefix, text);
      await cache.ready();
      for (let i = 0; i < 30; i++) {
        const { header } = await writer.put(`${prefix}${i % 4}`, `${i}`);
        if (i % 3 === 0) await writer.delete(`${prefix}${(i + 1) % 4}`);
        if (i % 2 === 0) await writer.put(`${opened.prefix}elsewhere`, `${i}`);
        const how = i % 5 === 0 ? { minRevision: header.revision } : { consistent: true };
        const view = await cache.read({ ...how, timeoutMs: 10_000 });
        expect([view.get(`${prefix}${i % 4}`)?.value, view.revision >= header.revision]).toEqual([`${i}`, true]);
        if (i % 3 === 0 && i % 5 !== 0) expect(view.get(`${prefix}${(i + 1) % 4}`)).toBeUndefined();
      }
      cache.close();
    });
  });
}
