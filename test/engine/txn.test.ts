import { describe, expect, it } from 'vitest';
import type { Compare, RequestOp, TxnRequest } from '../../src/store/messages.js';
import { b, compare, dump, errorOf, header, innerHeader, newEngine, op, put, show } from './support.js';

const tooMany = 'etcdserver: too many operations in txn request';
const duplicate = 'etcdserver: duplicate key given in txn request';
const refusal = (request: TxnRequest, engine = newEngine()) => errorOf(() => engine.txn(request));
const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const nest = (...success: RequestOp[]) => op.txn({ success });

describe('txn validation (protocol.md 1.5)', () => {
  it('counts the longest of compares, then and else', () => {
    const reads = (count: number) => times(count, () => op.range({ key: 'a' }));
    const compares = (count: number) => times(count, () => compare({ key: 'a' }));
    expect(refusal({ compare: compares(128), success: reads(128), failure: reads(128) })).toBe('nothing thrown');
    expect(refusal({ compare: compares(129) })).toBe(tooMany);
    expect(refusal({ success: reads(129) })).toBe(tooMany);
    expect(refusal({ failure: reads(129) })).toBe(tooMany);
  });

  it('leaves a nested txn what its parent has not used', () => {
    const batch = (children: number, opsEach: number) => ({
      success: times(children, (i) => nest(...times(opsEach, (j) => op.put(`${i}/${j}`)))),
    });
    for (const [children, opsEach] of [
      [127, 1],
      [118, 10],
      [120, 8],
      [126, 2],
    ] as const) {
      expect(refusal(batch(children, opsEach))).toBe('nothing thrown');
    }
    for (const [children, opsEach] of [
      [128, 1],
      [119, 10],
      [121, 8],
      [127, 2],
    ] as const) {
      expect(refusal(batch(children, opsEach))).toBe(tooMany);
    }
  });

  it('checks compares, then success, then failure, each operation by its own rules', () => {
    const empty: RequestOp = { type: 'none' };
    expect(refusal({ compare: [compare({ key: '' })], success: [empty] })).toBe('etcdserver: key is not provided');
    expect(refusal({ success: [empty] })).toBe('etcdserver: key not found');
    expect(refusal({ failure: [empty] })).toBe('etcdserver: key not found');
    expect(refusal({ success: [op.put('')] })).toBe('etcdserver: key is not provided');
    expect(refusal({ failure: [op.del('')] })).toBe('etcdserver: key is not provided');
    expect(refusal({ success: [op.range({ key: 'a', sortTarget: 9 })] })).toBe('etcdserver: invalid sort option');
    expect(refusal({ failure: [nest(op.put('a', 'v', { ignoreValue: true }))] })).toBe('etcdserver: value is provided');
    expect(refusal({ success: [op.put('a'), op.put('a')], failure: [empty] })).toBe('etcdserver: key not found');
  });

  it('refuses compares that nobody knows', () => {
    // etcd-difference: unknown-compare
    for (const odd of [{ result: 4 }, { result: -1 }, { target: 5 }, { target: -1 }]) {
      expect(refusal({ compare: [compare({ key: 'a', ...odd })] })).toBe('etcdserver: invalid compare option');
    }
  });

  it.each<[string, RequestOp[], boolean]>([
    ['put twice', [op.put('a'), op.put('a')], false],
    ['put then delete', [op.put('a'), op.del('a')], false],
    ['delete then put', [op.del('a'), op.put('a')], false],
    ['delete of a range over a put', [op.put('b'), op.del('a', 'c')], false],
    ['delete without an end over a put, as in etcd', [op.put('b'), op.del('a', '\0')], true],
    ['delete up to a put', [op.put('c'), op.del('a', 'c')], true],
    ['delete of nothing over a put', [op.put('b'), op.del('c', 'a')], true],
    ['delete twice', [op.del('a'), op.del('a', 'c')], true],
    ['put and read', [op.put('a'), op.range({ key: 'a' })], true],
    ['put in two children', [nest(op.put('a')), nest(op.put('a'))], false],
    ['put here and in a child', [nest(op.put('a')), op.put('a')], false],
    ['put here, delete in a child', [op.put('a'), nest(op.del('a'))], false],
    ['delete here, put in a child', [nest(op.put('a')), op.del('a')], false],
    ['delete in a child, put in a later one', [nest(op.del('a')), nest(op.put('a'))], false],
    ['put in a child, delete in a later one', [nest(op.put('a')), nest(op.del('a'))], true],
    ['both branches of one child', [op.txn({ success: [op.put('a')], failure: [op.put('a')] })], true],
    ['the else of a child and another child', [op.txn({ failure: [op.put('a')] }), nest(op.put('a'))], false],
    ['a branch that is not taken', [op.txn({ failure: [op.put('a'), op.put('a')] })], false],
  ])('one key: %s', (_, ops, allowed) => {
    const expected = allowed ? 'nothing thrown' : duplicate;
    expect(refusal({ success: ops })).toBe(expected);
    expect(refusal({ failure: ops })).toBe(expected);
  });
});

describe('txn compares', () => {
  function filled() {
    const engine = newEngine();
    engine.leaseGrant({ id: 5n, ttl: 10n }, 0);
    engine.put(put('a', 'm', { lease: 5n })); // 2
    engine.put(put('a', 'm', { lease: 5n })); // 3, version 2
    engine.put(put('ab', 'n')); // 4
    return engine;
  }
  const holds = (each: Compare) => filled().txn({ compare: [each] }).succeeded;
  const signs = (each: Compare) => [0, 1, 2, 3].map((result) => (holds({ ...each, result }) ? '=><!'[result] : ''));

  it.each([
    ['version', { target: 0, key: 'a', version: 2n }, '='],
    ['version below', { target: 0, key: 'a', version: 1n }, '>!'],
    ['version above', { target: 0, key: 'a', version: 3n }, '<!'],
    ['create revision', { target: 1, key: 'a', createRevision: 2n }, '='],
    ['mod revision', { target: 2, key: 'a', modRevision: 2n }, '>!'],
    ['lease', { target: 4, key: 'a', lease: 5n }, '='],
    ['value', { target: 3, key: 'a', value: 'm' }, '='],
    ['value by bytes', { target: 3, key: 'a', value: 'l\u{ff}' }, '>!'],
    ['a prefix of the value', { target: 3, key: 'a', value: '' }, '>!'],
    ['missing key, version', { target: 0, key: 'x' }, '='],
    ['missing key, mod revision', { target: 2, key: 'x', modRevision: 1n }, '<!'],
    ['missing key, value', { target: 3, key: 'x', value: '' }, ''],
    // etcd-difference: foreign-operand
    ['only the target counts', { target: 0, key: 'a', modRevision: 3n }, '>!'],
    ['every key of the range', { target: 0, key: 'a', rangeEnd: 'b', version: 0n }, '>!'],
    ['not every key of the range', { target: 0, key: 'a', rangeEnd: 'b', version: 2n }, ''],
    ['an empty range is a missing key', { target: 1, key: 'x', rangeEnd: 'z' }, '='],
    ['an open range', { target: 4, key: 'aa', rangeEnd: '\0', lease: 0n }, '='],
  ])('%s', (_, request, expected) => {
    expect(signs(compare(request)).join('')).toBe(expected);
  });

  it('all must hold; none is true', () => {
    const yes = compare({ key: 'x' });
    const no = compare({ key: 'x', version: 1n });
    expect(filled().txn({}).succeeded).toBe(true);
    expect(filled().txn({ compare: [yes, yes] }).succeeded).toBe(true);
    expect(filled().txn({ compare: [yes, no] }).succeeded).toBe(false);
  });
});

describe('txn execution', () => {
  it('writes one revision with one header, and inner headers of a revision only', () => {
    const engine = newEngine();
    engine.put(put('a', '0'));
    const {
      header: got,
      succeeded,
      responses,
    } = engine.txn({
      success: [
        op.range({ key: 'a' }),
        op.del('none'),
        op.put('b', '1', { prevKv: true }),
        op.del('a', '', true),
        op.range({ key: '\0', rangeEnd: '\0' }),
        nest(op.put('c', '2')),
      ],
    });
    expect([got, succeeded]).toEqual([header(3n), true]);
    expect(responses.map((each) => each.type !== 'none' && each.response.header)).toEqual([
      innerHeader(2n),
      innerHeader(2n),
      innerHeader(3n),
      innerHeader(3n),
      innerHeader(3n),
      innerHeader(0n),
    ]);
    const [, , putB, delA, readAll, nested] = responses;
    expect(putB?.type === 'put' && putB.response.prevKv).toBeUndefined();
    expect(delA?.type === 'deleteRange' && delA.response.prevKvs.map(show)).toEqual(['a=0@2/2/1']);
    expect(readAll?.type === 'range' && readAll.response.kvs.map(show)).toEqual(['b=1@3/3/1']);
    expect(nested?.type === 'txn' && nested.response.responses.map((each) => each.type)).toEqual(['put']);
    expect(engine.space.changesOf(3n)?.changes.map(({ text, deleted }) => (deleted ? `-${text}` : text))).toEqual([
      'b',
      '-a',
      'c',
    ]);
  });

  it('decides nested compares before anything is written', () => {
    const engine = newEngine();
    const absent = compare({ key: 'k', target: 1 });
    const { responses } = engine.txn({
      success: [op.put('k'), op.txn({ compare: [absent], success: [op.range({ key: 'k' })] })],
    });
    const nested = responses[1];
    expect(nested?.type === 'txn' && nested.response.succeeded).toBe(true);
    const read = nested?.type === 'txn' ? nested.response.responses[0] : undefined;
    expect(read?.type === 'range' && read.response.count).toBe(1n);
  });

  it('reads the past and its own writes', () => {
    const engine = newEngine();
    engine.put(put('a', '1'));
    const { responses } = engine.txn({
      success: [op.put('a', '2'), op.range({ key: 'a', revision: 2n }), op.range({ key: 'a' })],
    });
    const reads = responses.flatMap((each) => (each.type === 'range' ? each.response.kvs.map(show) : []));
    expect(reads).toEqual(['a=1@2/2/1', 'a=2@2/3/2']);
  });

  it.each([
    ['a lease that is not there', op.put('z', '', { lease: 9n }), 'etcdserver: requested lease not found'],
    ['a value to keep that is not there', op.put('z', '', { ignoreValue: true }), 'etcdserver: key not found'],
    [
      'its own revision',
      op.range({ key: 'a', revision: 5n }),
      'etcdserver: mvcc: required revision is a future revision',
    ],
    [
      'a compacted revision',
      op.range({ key: 'a', revision: 2n }),
      'etcdserver: mvcc: required revision has been compacted',
    ],
    [
      'a negative revision',
      op.range({ key: 'a', revision: -1n }),
      'etcdserver: mvcc: required revision has been compacted',
    ],
  ])('does nothing at all because of %s', (_, bad, text) => {
    const engine = newEngine();
    for (const value of ['1', '2', '3']) engine.put(put('a', value));
    engine.compact({ revision: 3n });
    const before = dump(engine);
    expect(refusal({ success: [op.put('b'), bad] }, engine)).toBe(text);
    expect(refusal({ success: [op.put('b'), nest(bad)] }, engine)).toBe(text);
    expect(dump(engine)).toEqual(before);
    expect(engine.txn({ success: [op.put('b')], failure: [bad] }).header.revision).toBe(5n);
  });

  // etcd-difference: keep-what-is-deleted
  it('refuses to keep of a key what the same txn has deleted before', () => {
    for (const keeps of [{ ignoreValue: true }, { ignoreLease: true }]) {
      const engine = newEngine();
      engine.put(put('b', '1'));
      const before = dump(engine);
      const keep = op.put('b', '', keeps);
      expect(refusal({ success: [op.del('a', '\0'), keep] }, engine)).toBe('etcdserver: key not found');
      expect(refusal({ success: [op.del('a', '\0'), nest(keep)] }, engine)).toBe('etcdserver: key not found');
      expect(dump(engine)).toEqual(before);
      expect(engine.txn({ success: [op.del('c', '\0'), keep] }).succeeded).toBe(true);
    }
  });

  it('looks for the key to keep before the lease, unlike a put of its own, and at puts before ranges', () => {
    const both = op.put('z', '', { ignoreValue: true, lease: 9n });
    expect(refusal({ success: [both] })).toBe('etcdserver: key not found');
    expect(refusal({ success: [op.range({ key: 'a', revision: 99n }), op.put('z', '', { lease: 9n })] })).toBe(
      'etcdserver: requested lease not found',
    );
  });

  it('puts on leases and takes them off', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 5n, ttl: 10n }, 0);
    engine.put(put('gone', '', { lease: 5n }));
    engine.txn({ success: [op.put('a', '', { lease: 5n }), op.put('b'), op.del('gone')] });
    const keys = engine.leaseTimeToLive({ id: 5n, keys: true }, 0).keys;
    expect(keys.map((key) => Buffer.from(key).toString())).toEqual(['a']);
    engine.leaseRevoke({ id: 5n });
    expect(dump(engine)).toEqual(['b=@3/3/1']);
  });

  it('takes the other branch as a whole', () => {
    const engine = newEngine();
    const { succeeded, responses } = engine.txn({
      compare: [{ key: b('a'), version: 1n }],
      success: [op.put('yes')],
      failure: [op.put('no')],
    });
    expect([succeeded, responses.length, dump(engine)]).toEqual([false, 1, ['no=@2/2/1']]);
  });
});
