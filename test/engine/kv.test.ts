import { describe, expect, it } from 'vitest';
import { b, del, dump, errorOf, header, newEngine, op, put, range, show } from './support.js';

describe('revisions (protocol.md 1.1)', () => {
  it('a fresh store is at 1, the first write makes 2', () => {
    const engine = newEngine();
    expect(engine.range(range({ key: 'a' })).header).toEqual(header(1n));
    expect(engine.put(put('a', '1')).header).toEqual(header(2n));
  });

  it('a put keeps the create revision and counts the version; after a delete both start again', () => {
    const engine = newEngine();
    engine.put(put('a', '1'));
    engine.put(put('a', '2'));
    expect(dump(engine)).toEqual(['a=2@2/3/2']);
    engine.deleteRange(del('a'));
    engine.put(put('a', '3'));
    expect(dump(engine)).toEqual(['a=3@5/5/1']);
  });

  it('what changes nothing makes no revision', () => {
    const engine = newEngine();
    expect(engine.deleteRange(del('a')).header.revision).toBe(1n);
    expect(engine.txn({ success: [op.range({ key: 'a' }), op.del('a')] }).header.revision).toBe(1n);
    expect(engine.leaseGrant({ ttl: 5n, id: 9n }, 0).header.revision).toBe(1n);
    expect(engine.leaseKeepAlive({ id: 9n }, 0).header.revision).toBe(1n);
    expect(engine.leaseRevoke({ id: 9n }).header.revision).toBe(1n);
  });
});

describe('put (1.3)', () => {
  it('answers the previous value only when asked, and nothing for a new key', () => {
    const engine = newEngine();
    expect(engine.put(put('a', '1', { prevKv: true })).prevKv).toBeUndefined();
    expect(engine.put(put('a', '2')).prevKv).toBeUndefined();
    expect(show(engine.put(put('a', '3', { prevKv: true })).prevKv)).toBe('a=2@2/3/2');
  });

  it('keeps value or lease when asked to, and drops the lease otherwise', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 5n, ttl: 10n }, 0);
    engine.put(put('a', '1', { lease: 5n }));
    engine.put(put('a', '', { ignoreValue: true, lease: 5n }));
    expect(dump(engine)).toEqual(['a=1@2/3/2 lease 5']);
    engine.put(put('a', '2', { ignoreLease: true }));
    expect(dump(engine)).toEqual(['a=2@2/4/3 lease 5']);
    engine.put(put('a', '3'));
    expect(dump(engine)).toEqual(['a=3@2/5/4']);
    engine.leaseRevoke({ id: 5n });
    expect(dump(engine)).toEqual(['a=3@2/5/4']);
  });

  it('refuses in etcd’s order', () => {
    const engine = newEngine();
    const refusal = (...args: Parameters<typeof put>) => errorOf(() => engine.put(put(...args)));
    expect(refusal('', 'v', { ignoreValue: true })).toBe('etcdserver: key is not provided');
    expect(refusal('a', 'v', { ignoreValue: true, ignoreLease: true, lease: 1n })).toBe(
      'etcdserver: value is provided',
    );
    expect(refusal('a', '', { ignoreLease: true, lease: 1n })).toBe('etcdserver: lease is provided');
    expect(refusal('a', '', { ignoreValue: true, lease: 1n })).toBe('etcdserver: requested lease not found');
    expect(refusal('a', '', { ignoreValue: true })).toBe('etcdserver: key not found');
    expect(refusal('a', 'v', { ignoreLease: true })).toBe('etcdserver: key not found');
    expect(engine.space.revision).toBe(1n);
  });

  it('takes any bytes, an empty value among them', () => {
    const engine = newEngine();
    const key = new Uint8Array([0, 0xff, 0x80]);
    engine.put({ key });
    const { kvs } = engine.range({ key });
    expect(kvs.map((kv) => [...kv.key, ...kv.value])).toEqual([[0, 0xff, 0x80]]);
  });

  it('does not see what the caller does to its buffers later', () => {
    const engine = newEngine();
    const request = { key: b('a'), value: b('1') };
    engine.put(request);
    request.key[0] = 0x7a;
    request.value[0] = 0x7a;
    expect(dump(engine)).toEqual(['a=1@2/2/1']);
  });
});

describe('range (1.2)', () => {
  function filled() {
    const engine = newEngine();
    for (const [key, value] of [
      ['a', '3'],
      ['b', '2'],
      ['c', '1'],
      ['b', '9'],
    ])
      engine.put(put(key as string, value));
    return engine;
  }
  const keys = (engine = filled(), request: Partial<Parameters<typeof range>[0]> = {}) => {
    const { kvs, more, count } = engine.range(range({ key: '\0', rangeEnd: '\0', ...request }));
    return `${kvs.map((kv) => String.fromCharCode(kv.key[0] as number)).join('')} ${more} ${count}`;
  };

  it.each([
    [{ key: 'b', rangeEnd: '' }, 'b false 1'],
    [{ key: 'x', rangeEnd: '' }, ' false 0'],
    [{ key: 'a', rangeEnd: 'c' }, 'ab false 2'],
    [{ key: 'b', rangeEnd: '\0' }, 'bc false 2'],
    [{ key: 'c', rangeEnd: 'a' }, ' false 0'],
    [{ key: 'c', rangeEnd: 'c' }, ' false 0'],
    [{ limit: 2n }, 'ab true 3'],
    [{ limit: 3n }, 'abc false 3'],
    [{ limit: -1n }, 'abc false 3'],
    [{ countOnly: true, limit: 1n }, ' false 3'],
    [{ sortOrder: 2 }, 'cba false 3'],
    [{ sortOrder: 2, limit: 1n }, 'c true 3'],
    [{ sortOrder: 1, sortTarget: 3 }, 'acb false 3'],
    [{ sortOrder: 2, sortTarget: 1, limit: 1n }, 'b true 3'],
    [{ sortOrder: 1, sortTarget: 2 }, 'abc false 3'],
    [{ sortOrder: 1, sortTarget: 4 }, 'cab false 3'],
    [{ sortTarget: 4 }, 'cab false 3'],
    [{ minModRevision: 4n }, 'bc false 3'],
    [{ maxModRevision: 4n }, 'ac false 3'],
    [{ minModRevision: 4n, limit: 1n }, 'b true 3'],
    [{ maxModRevision: -1n }, ' false 3'],
    [{ minCreateRevision: 3n, maxCreateRevision: 3n }, 'b false 3'],
    [{ revision: 2n }, 'a false 1'],
    [{ revision: -4n }, 'abc false 3'],
  ])('%o', (request, expected) => {
    expect(keys(undefined, request)).toBe(expected);
  });

  it('reads the past with the header of the present', () => {
    const engine = filled();
    const { header: got, kvs } = engine.range(range({ key: 'b', revision: 3n }));
    expect([got.revision, show(kvs[0])]).toEqual([5n, 'b=2@3/3/1']);
  });

  it('keys only leaves everything but the value', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 5n, ttl: 10n }, 0);
    engine.put(put('a', '1', { lease: 5n }));
    expect(engine.range(range({ key: 'a', keysOnly: true })).kvs.map(show)).toEqual(['a=@2/2/1 lease 5']);
    expect(dump(engine)).toEqual(['a=1@2/2/1 lease 5']);
  });

  it('refuses what etcd refuses, and the enums that crash it', () => {
    const engine = filled();
    const refusal = (request: Parameters<typeof range>[0]) => errorOf(() => engine.range(range(request)));
    expect(refusal({ key: '' })).toBe('etcdserver: key is not provided');
    expect(refusal({ key: 'a', revision: 6n })).toBe('etcdserver: mvcc: required revision is a future revision');
    // etcd-difference: unknown-sort
    for (const sort of [{ sortTarget: 99 }, { sortTarget: -1 }, { sortOrder: 3, sortTarget: 0 }, { sortOrder: -1 }]) {
      expect(refusal({ key: 'a', ...sort })).toBe('etcdserver: invalid sort option');
    }
  });

  it('compares keys as unsigned bytes', () => {
    const engine = newEngine();
    for (const byte of [0x7f, 0xff, 0x80, 0x01]) engine.put({ key: new Uint8Array([byte]) });
    const { kvs } = engine.range(range({ key: '\0', rangeEnd: '\0' }));
    expect(kvs.map((kv) => kv.key[0])).toEqual([0x01, 0x7f, 0x80, 0xff]);
  });
});

describe('delete (1.4)', () => {
  it('deletes in key order, counts, and answers what was there only when asked', () => {
    const engine = newEngine();
    for (const key of ['c', 'a', 'b']) engine.put(put(key, key));
    const { header: got, deleted, prevKvs } = engine.deleteRange(del('a', 'c', true));
    expect([got.revision, deleted, prevKvs.map(show)]).toEqual([5n, 2n, ['a=a@3/3/1', 'b=b@4/4/1']]);
    expect(engine.deleteRange(del('c')).prevKvs).toEqual([]);
    expect(engine.space.changesOf(5n)?.changes.map((change) => change.text)).toEqual(['a', 'b']);
  });

  it('refuses an empty key', () => {
    expect(errorOf(() => newEngine().deleteRange(del('')))).toBe('etcdserver: key is not provided');
  });

  it('reads the past of a deleted key', () => {
    const engine = newEngine();
    engine.put(put('a', '1'));
    engine.put(put('b', '1'));
    engine.deleteRange(del('a', 'c'));
    engine.put(put('b', '2'));
    expect(dump(engine, 3n)).toEqual(['a=1@2/2/1', 'b=1@3/3/1']);
    expect(dump(engine, 4n)).toEqual([]);
    expect(dump(engine)).toEqual(['b=2@5/5/1']);
  });
});

describe('compaction (1.6)', () => {
  const compacted = 'etcdserver: mvcc: required revision has been compacted';

  function filled() {
    const engine = newEngine();
    engine.put(put('a', '1')); // 2
    engine.put(put('b', '1')); // 3
    engine.put(put('a', '2')); // 4
    engine.deleteRange(del('b')); // 5
    engine.put(put('a', '3')); // 6
    return engine;
  }

  it('keeps what a read at the compacted revision or later sees', () => {
    const engine = filled();
    expect(engine.compact({ revision: 4n }).header).toEqual(header(6n));
    expect(errorOf(() => dump(engine, 3n))).toBe(compacted);
    expect(dump(engine, 4n)).toEqual(['a=2@2/4/2', 'b=1@3/3/1']);
    expect(dump(engine, 5n)).toEqual(['a=2@2/4/2']);
    expect(dump(engine)).toEqual(['a=3@2/6/3']);
  });

  it('forgets deleted keys, and keeps the deletion at the compacted revision for watches', () => {
    const engine = filled();
    engine.compact({ revision: 5n });
    expect(engine.space.changesOf(4n)).toBeUndefined();
    expect(engine.space.changesOf(5n)?.changes.map(({ text, deleted }) => [text, deleted])).toEqual([['b', true]]);
    expect(dump(engine, 5n)).toEqual(['a=2@2/4/2']);
    engine.put(put('b', '2'));
    expect(dump(engine)).toEqual(['a=3@2/6/3', 'b=2@7/7/1']);
  });

  it('leaves nothing of keys that came and went', () => {
    const engine = newEngine();
    for (let i = 0; i < 300; i++) {
      engine.put(put(`k${i}`));
      engine.deleteRange(del(`k${i}`));
    }
    expect([engine.space.size, engine.space.knownSize]).toEqual([0, 300]);
    engine.compact({ revision: engine.space.revision - 1n });
    expect(engine.space.knownSize).toBe(1);
    engine.compact({ revision: engine.space.revision });
    expect(engine.space.knownSize).toBe(0);
  });

  it('of a revision that puts and deletes one key keeps the deletion', () => {
    const engine = newEngine();
    const inner = (each: ReturnType<typeof op.put>) => op.txn({ success: [each] });
    engine.txn({ success: [inner(op.put('a')), inner(op.del('a'))] });
    engine.compact({ revision: 2n });
    expect(engine.space.changesOf(2n)?.changes.map((change) => change.deleted)).toEqual([true]);
  });

  it('refuses the past and the future, and 0 the second time', () => {
    const engine = filled();
    expect(errorOf(() => engine.compact({ revision: -1n }))).toBe(compacted);
    engine.compact({});
    expect(errorOf(() => engine.compact({}))).toBe(compacted);
    expect(errorOf(() => engine.compact({ revision: 7n }))).toMatch(/future revision/);
    engine.compact({ revision: 6n });
    expect(errorOf(() => engine.compact({ revision: 6n }))).toBe(compacted);
  });
});
