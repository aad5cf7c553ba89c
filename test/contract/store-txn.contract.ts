import { beforeEach, describe, expect, it } from 'vitest';
import { prefixEnd, utf8 } from '../../src/core/bytes.js';
import { type Compare, CompareResult, CompareTarget, type RequestOp } from '../../src/store/messages.js';
import { createdAt, deleteAt, get, modifiedAt, put, putAt, rangeAt, remove } from '../../src/store/ops.js';
import type { Backend } from '../support/backends.js';
import { expectRefusal, type Fixture, fixture, pairsOf } from './store-fixture.js';

/** What a txn must do. */
export function txnContract(backend: Backend): void {
  describe('txn', () => {
    const open = fixture(backend);
    let at: Fixture;
    beforeEach(async () => {
      at = await open();
    });
    const holds = async (compare: Compare) => (await at.store.txn({ compare: [compare] })).succeeded;

    it('runs the success branch if all compares hold, else the failure branch', async () => {
      const created = await at.put('a');
      const branch = (revision: bigint) =>
        at.store.txn({
          compare: [createdAt(at.key('a'), created), modifiedAt(at.key('a'), revision)],
          success: [put(at.key('taken'), 'success')],
          failure: [put(at.key('taken'), 'failure')],
        });
      expect((await branch(created)).succeeded).toBe(true);
      expect(pairsOf(at, (await at.all()).kvs)).toEqual(['a=', 'taken=success']);
      expect((await branch(created + 1n)).succeeded).toBe(false);
      expect(pairsOf(at, (await at.all()).kvs)).toEqual(['a=', 'taken=failure']);
    });

    it('writes in one revision, and reads its own writes in order', async () => {
      await at.put('old');
      const all = at.within();
      const txn = await at.store.txn({
        success: [
          put(at.key('a'), '1'),
          get(all.key, { rangeEnd: all.rangeEnd }),
          remove(at.key('old')),
          get(at.key('old')),
        ],
      });
      expect(pairsOf(at, rangeAt(txn, 1).kvs)).toEqual(['a=1', 'old=']);
      expect(deleteAt(txn, 2).deleted).toBe(1n);
      expect(rangeAt(txn, 3).kvs).toEqual([]);
      expect((await at.all()).kvs).toMatchObject([
        { modRevision: txn.header.revision, createRevision: txn.header.revision },
      ]);
    });

    it('takes no revision where it changes nothing', async () => {
      const own = await open({ exclusive: true });
      const before = await own.put('a');
      expect((await own.store.txn({ success: [get(own.key('a'))] })).header.revision).toBe(before);
      expect((await own.store.txn({ success: [remove(own.key('none'))] })).header.revision).toBe(before);
      expect(await own.put('a')).toBe(before + 1n);
    });

    it.each([
      ['version', { target: CompareTarget.version, version: 2n }, { target: CompareTarget.version, version: 1n }],
      ['value', { target: CompareTarget.value, value: utf8('2') }, { target: CompareTarget.value, value: utf8('1') }],
      ['lease', { target: CompareTarget.lease, lease: 0n }, { target: CompareTarget.lease, lease: 5n }],
    ] as const)('compares %s', async (_, equal, other) => {
      await at.put('a', '1');
      await at.put('a', '2');
      const key = at.key('a');
      expect(await holds({ key, ...equal })).toBe(true);
      expect(await holds({ key, ...other })).toBe(false);
      expect(await holds({ key, ...other, result: CompareResult.notEqual })).toBe(true);
    });

    it('compares greater and less, create and mod revision', async () => {
      const created = await at.put('a');
      const modified = await at.put('a');
      const create = { key: at.key('a'), target: CompareTarget.create };
      expect(await holds({ ...create, createRevision: created })).toBe(true);
      expect(await holds({ ...create, createRevision: created, result: CompareResult.greater })).toBe(false);
      expect(await holds({ ...create, createRevision: created + 1n, result: CompareResult.less })).toBe(true);
      expect(await holds(modifiedAt(at.key('a'), modified))).toBe(true);
      expect(await holds(modifiedAt(at.key('a'), created))).toBe(false);
    });

    it('compares a missing key as revision 0, and its value as never equal', async () => {
      expect(await holds(createdAt(at.key('none'), 0n))).toBe(true);
      expect(await holds(modifiedAt(at.key('none'), 0n))).toBe(true);
      expect(await holds({ key: at.key('none'), target: CompareTarget.value, value: utf8('') })).toBe(false);
    });

    it('compares a whole range: every key in it must hold', async () => {
      const first = await at.put('a');
      await at.put('b');
      const key = utf8(at.prefix);
      const older = { target: CompareTarget.create, result: CompareResult.less, key, rangeEnd: prefixEnd(key) };
      expect(await holds({ ...older, createRevision: first + 1_000_000n })).toBe(true);
      expect(await holds({ ...older, createRevision: first + 1n })).toBe(false);
    });

    it('nests', async () => {
      const inner: RequestOp = {
        type: 'txn',
        request: { compare: [createdAt(at.key('none'), 0n)], success: [put(at.key('inner'), '1')] },
      };
      const txn = await at.store.txn({ success: [put(at.key('outer'), '1'), inner] });
      expect(txn.responses[1]).toMatchObject({ type: 'txn', response: { succeeded: true } });
      const { kvs } = await at.all();
      expect(pairsOf(at, kvs)).toEqual(['inner=1', 'outer=1']);
      expect(kvs[0]?.modRevision).toBe(kvs[1]?.modRevision);
    });

    it('gives what a put or delete replaced, if asked', async () => {
      await at.put('a', 'old');
      const replace = await at.store.txn({
        success: [{ type: 'put', request: { key: at.key('a'), value: utf8('new'), prevKv: true } }],
      });
      const { prevKv } = putAt(replace, 0);
      expect(pairsOf(at, prevKv === undefined ? [] : [prevKv])).toEqual(['a=old']);
      const removal = await at.store.txn({
        success: [{ type: 'deleteRange', request: { ...at.within(), prevKv: true } }],
      });
      expect(pairsOf(at, deleteAt(removal, 0).prevKvs)).toEqual(['a=new']);
      const fresh = await at.store.txn({ success: [{ type: 'put', request: { key: at.key('b'), prevKv: true } }] });
      expect(putAt(fresh, 0).prevKv).toBeUndefined();
    });

    it('deletes a range and counts', async () => {
      for (const name of ['a', 'b', 'c']) await at.put(name);
      const removal = await at.store.txn({ success: [remove(at.key('a'), { rangeEnd: at.key('c') })] });
      expect(deleteAt(removal, 0).deleted).toBe(2n);
      expect(pairsOf(at, (await at.all()).kvs)).toEqual(['c=']);
    });

    it('keeps value or lease of a put where it says so', async () => {
      const { id } = await at.store.leaseGrant({ ttl: 60n });
      await at.put('a', 'kept', { lease: id });
      await at.put('a', '', { ignoreValue: true });
      expect((await at.all()).kvs).toMatchObject([{ lease: 0n, version: 2n }]);
      expect(pairsOf(at, (await at.all()).kvs)).toEqual(['a=kept']);
      await at.put('b', '1', { lease: id });
      await at.put('b', '2', { ignoreLease: true });
      const [, kv] = (await at.all()).kvs;
      expect(kv?.lease).toBe(id);
      await at.store.leaseRevoke({ id });
    });

    it('is all or nothing: one refused operation refuses all', async () => {
      const missingLease: RequestOp = { type: 'put', request: { key: at.key('b'), lease: 1_234_567_890n } };
      const call = at.store.txn({ success: [put(at.key('a'), '1'), missingLease] });
      await expectRefusal(call, 'LEASE_NOT_FOUND', 'requested lease not found');
      expect((await at.all()).kvs).toEqual([]);
    });

    it('is refused for a key put twice, too many operations, no key, and an empty operation', async () => {
      const twice = at.store.txn({ success: [put(at.key('a'), '1'), put(at.key('a'), '2')] });
      await expectRefusal(twice, 'INVALID_ARGUMENT', 'duplicate key given in txn request');
      const many = Array.from({ length: 129 }, (_, i) => put(at.key(String(i)), ''));
      await expectRefusal(at.store.txn({ success: many }), 'INVALID_ARGUMENT', 'too many operations');
      await expectRefusal(at.store.txn({ success: [put('', '')] }), 'INVALID_ARGUMENT', 'key is not provided');
      await expectRefusal(at.store.txn({ success: [{ type: 'none' }] }), 'INVALID_ARGUMENT', 'key not found');
      expect((await at.all()).kvs).toEqual([]);
    });

    it('lets exactly one of many clients win a compare', async () => {
      const claims = Array.from({ length: 20 }, (_, i) =>
        at.store.txn({ compare: [createdAt(at.key('one'), 0n)], success: [put(at.key('one'), String(i))] }),
      );
      const won = (await Promise.all(claims)).flatMap(({ succeeded }, i) => (succeeded ? [`one=${i}`] : []));
      expect(won).toHaveLength(1);
      expect(pairsOf(at, (await at.all()).kvs)).toEqual(won);
    });
  });
}
