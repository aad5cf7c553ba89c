import { beforeEach, describe, expect, it } from 'vitest';
import { prefixEnd } from '../../src/core/bytes.js';
import { SortOrder, SortTarget } from '../../src/store/messages.js';
import type { Backend } from '../support/backends.js';
import { expectRefusal, type Fixture, fixture, namesOf, pairsOf } from './store-fixture.js';

/** What a range must give. */
export function rangeContract(backend: Backend): void {
  describe('range', () => {
    const open = fixture(backend);
    let at: Fixture;
    beforeEach(async () => {
      at = await open();
    });

    it('gives one key with its revisions, version, value and lease', async () => {
      const created = await at.put('a', '1');
      const modified = await at.put('a', '2');
      const { kvs, count, more, header } = await at.store.range({ key: at.key('a') });
      expect(kvs).toMatchObject([{ createRevision: created, modRevision: modified, version: 2n, lease: 0n }]);
      expect(pairsOf(at, kvs)).toEqual(['a=2']);
      expect({ count, more }).toEqual({ count: 1n, more: false });
      expect(header.revision).toBeGreaterThanOrEqual(modified);
    });

    it('gives nothing for a key that is not there, nor for an empty range', async () => {
      await at.put('a');
      expect(await at.store.range({ key: at.key('b') })).toMatchObject({ kvs: [], count: 0n });
      expect(await at.store.range({ key: at.key('b'), rangeEnd: at.key('a') })).toMatchObject({ kvs: [], count: 0n });
    });

    it('gives a prefix in byte order, its end excluded', async () => {
      for (const name of ['b/2', 'b', 'c', 'b/10', 'a', 'b/\u00e9', 'b0']) await at.put(name);
      const key = at.key('b/');
      const { kvs } = await at.store.range({ key, rangeEnd: prefixEnd(key) });
      expect(namesOf(at, kvs)).toEqual(['b/10', 'b/2', 'b/\u00e9']);
    });

    it('limits, and tells the full count and that there is more', async () => {
      for (const name of ['a', 'b', 'c']) await at.put(name);
      const limited = await at.store.range({ ...at.within(), limit: 2n });
      expect(namesOf(at, limited.kvs)).toEqual(['a', 'b']);
      expect(limited).toMatchObject({ count: 3n, more: true });
      expect(await at.store.range({ ...at.within(), limit: 3n })).toMatchObject({ count: 3n, more: false });
    });

    it('gives keys only, or the count only', async () => {
      await at.put('a', 'value');
      const keys = await at.store.range({ ...at.within(), keysOnly: true });
      expect(pairsOf(at, keys.kvs)).toEqual(['a=']);
      expect(await at.store.range({ ...at.within(), countOnly: true })).toMatchObject({ kvs: [], count: 1n });
    });

    it('sorts by each target, before it limits', async () => {
      await at.put('b', 'x');
      await at.put('a', 'z');
      await at.put('c', 'y');
      await at.put('b', 'x');
      const sorted = async (sortTarget: number, sortOrder: number, limit?: bigint) =>
        namesOf(at, (await at.store.range({ ...at.within(), sortTarget, sortOrder, limit })).kvs).join('');
      expect(await sorted(SortTarget.key, SortOrder.descend)).toBe('cba');
      expect(await sorted(SortTarget.create, SortOrder.ascend)).toBe('bac');
      expect(await sorted(SortTarget.mod, SortOrder.descend)).toBe('bca');
      expect(await sorted(SortTarget.value, SortOrder.ascend)).toBe('bca');
      expect(await sorted(SortTarget.version, SortOrder.descend, 1n)).toBe('b');
      expect(await sorted(SortTarget.create, SortOrder.descend, 1n)).toBe('c');
    });

    it('filters by create and mod revision, without changing the count', async () => {
      const first = await at.put('a');
      const second = await at.put('b');
      const third = await at.put('a');
      const filtered = async (filter: object) => {
        const { kvs, count } = await at.store.range({ ...at.within(), ...filter });
        return `${namesOf(at, kvs).join('')} of ${count}`;
      };
      expect(await filtered({ minCreateRevision: second })).toBe('b of 2');
      expect(await filtered({ maxCreateRevision: first })).toBe('a of 2');
      expect(await filtered({ minModRevision: third })).toBe('a of 2');
      expect(await filtered({ maxModRevision: second })).toBe('b of 2');
    });

    it('reads the past, deleted keys too', async () => {
      const before = await at.put('a', 'old');
      await at.put('a', 'new');
      await at.remove('a');
      expect(pairsOf(at, (await at.store.range({ key: at.key('a'), revision: before })).kvs)).toEqual(['a=old']);
      expect((await at.store.range({ key: at.key('a') })).kvs).toEqual([]);
    });

    it('starts a deleted key anew', async () => {
      await at.put('a', '1');
      await at.remove('a');
      const again = await at.put('a', '2');
      expect((await at.all()).kvs).toMatchObject([{ createRevision: again, modRevision: again, version: 1n }]);
    });

    it('sees what any client has written before, unless serializable is enough', async () => {
      const other = await at.connect();
      await at.put('a', '1');
      expect(pairsOf(at, (await other.range({ key: at.key('a') })).kvs)).toEqual(['a=1']);
      expect((await other.range({ key: at.key('a'), serializable: true })).header.revision).toBeGreaterThan(0n);
    });

    it('keeps bytes that are no text', async () => {
      const value = new Uint8Array([0, 255, 128, 10]);
      await at.put('a', '', { value });
      const [kv] = (await at.all()).kvs;
      expect(kv === undefined ? [] : [...kv.value]).toEqual([...value]);
    });

    it('is refused without a key and for a revision to come', async () => {
      await expectRefusal(at.store.range({ key: new Uint8Array(0) }), 'INVALID_ARGUMENT', 'key is not provided');
      const { header } = await at.all();
      const future = at.store.range({ key: at.key('a'), revision: header.revision + 1_000_000n });
      await expectRefusal(future, 'FUTURE_REVISION', 'required revision is a future revision');
    });

    it('is refused with COMPACTED for a revision before the last compaction', async () => {
      const own = await open({ exclusive: true });
      const old = await own.put('a', '1');
      const kept = await own.put('a', '2');
      await own.put('a', '3');
      await own.store.compact({ revision: kept });
      await expectRefusal(own.store.range({ key: own.key('a'), revision: old }), 'COMPACTED', 'has been compacted');
      expect(pairsOf(own, (await own.store.range({ key: own.key('a'), revision: kept })).kvs)).toEqual(['a=2']);
      await expectRefusal(own.store.compact({ revision: kept }), 'COMPACTED');
      await expectRefusal(own.store.compact({ revision: kept + 100n }), 'FUTURE_REVISION');
    });
  });
}
