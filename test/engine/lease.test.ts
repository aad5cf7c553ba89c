import { describe, expect, it } from 'vitest';
import { utf8Text } from '../../src/core/bytes.js';
import { maxExpiriesPerCall } from '../../src/engine/engine.js';
import type { JournalEntry } from '../../src/engine/journal.js';
import { LeaseTable } from '../../src/engine/lease-table.js';
import { del, dump, errorOf, newEngine, op, put } from './support.js';

const keysOf = (engine: ReturnType<typeof newEngine>, id: bigint, nowMs = 0) =>
  engine.leaseTimeToLive({ id, keys: true }, nowMs).keys.map(utf8Text);
const ids = (engine: ReturnType<typeof newEngine>) => engine.leaseLeases().leases.map(({ id }) => id);

describe('grant (protocol.md section 3)', () => {
  it('draws an id, or takes the client’s, negative ones too', () => {
    const drawn = [0n, 3n, 3n, 4n];
    const engine = newEngine({ drawLeaseId: () => drawn.shift() as bigint });
    expect(engine.leaseGrant({ ttl: 5n }, 0).id).toBe(3n);
    expect(engine.leaseGrant({ ttl: 5n }, 0).id).toBe(4n);
    expect(engine.leaseGrant({ ttl: 6n, id: -7n }, 0)).toMatchObject({ id: -7n, ttl: 6n, error: '' });
    expect(ids(engine)).toEqual([3n, 4n, -7n]);
  });

  // etcd-difference: shortest-ttl
  it('raises short TTLs to the minimum and returns what it granted', () => {
    const granted = [-3n, 0n, 1n, 2n].map((ttl) => newEngine().leaseGrant({ ttl }, 0).ttl);
    expect(granted).toEqual([1n, 1n, 1n, 2n]);
    expect(newEngine({ minLeaseTtlS: 2 }).leaseGrant({ ttl: 1n }, 0).ttl).toBe(2n);
  });

  it('refuses a TTL that is too large before an id that is taken', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 9_000_000_000n }, 0);
    expect(errorOf(() => engine.leaseGrant({ id: 1n, ttl: 9_000_000_001n }, 0))).toBe(
      'etcdserver: too large lease TTL',
    );
    expect(errorOf(() => engine.leaseGrant({ id: 1n, ttl: 5n }, 0))).toBe('etcdserver: lease already exists');
  });

  it('gives a dead lease’s id again, and its keys go first', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 5n }, 0);
    engine.put(put('a', '', { lease: 1n }));
    expect(engine.leaseGrant({ id: 1n, ttl: 5n }, 5_000).header.revision).toBe(3n);
    expect([dump(engine), keysOf(engine, 1n, 5_000)]).toEqual([[], []]);
  });
});

describe('keepalive', () => {
  it('starts the whole TTL again', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 5n }, 0);
    expect(engine.leaseKeepAlive({ id: 1n }, 4_999)).toMatchObject({ id: 1n, ttl: 5n });
    expect(engine.nextExpiryMs()).toBe(9_999);
    expect([engine.expireLeases(9_998), engine.expireLeases(9_999)]).toEqual([0, 1]);
  });

  it('answers TTL 0 for what is unknown', () => {
    const engine = newEngine();
    expect(engine.leaseKeepAlive({ id: 9n }, 0)).toMatchObject({ id: 9n, ttl: 0n });
    expect(engine.leaseKeepAlive({}, 0)).toMatchObject({ id: 0n, ttl: 0n });
  });

  it('never brings back a lease that is past its deadline, looked for or not', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 5n }, 0);
    engine.put(put('a', '', { lease: 1n }));
    expect(engine.leaseKeepAlive({ id: 1n }, 5_000)).toMatchObject({ ttl: 0n, header: { revision: 3n } });
    expect([dump(engine), ids(engine)]).toEqual([[], []]);
  });
});

describe('time to live and listing', () => {
  it('rounds down what is left', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 100n }, 0);
    expect(engine.leaseTimeToLive({ id: 1n }, 1)).toMatchObject({ id: 1n, ttl: 99n, grantedTtl: 100n, keys: [] });
    expect(engine.leaseTimeToLive({ id: 1n }, 99_999).ttl).toBe(0n);
    expect(engine.leaseTimeToLive({ id: 1n }, 100_000)).toMatchObject({ ttl: -1n, grantedTtl: 0n });
  });

  it('knows nothing of an unknown lease', () => {
    const answer = newEngine().leaseTimeToLive({ id: 9n, keys: true }, 0);
    expect(answer).toMatchObject({ id: 9n, ttl: -1n, grantedTtl: 0n, keys: [], header: { revision: 1n } });
  });

  it('tells keys only when asked', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 100n }, 0);
    for (const key of ['b', 'a']) engine.put(put(key, '', { lease: 1n }));
    expect(keysOf(engine, 1n)).toEqual(['a', 'b']);
    expect(engine.leaseTimeToLive({ id: 1n }, 0).keys).toEqual([]);
  });

  it('lists leases by what ends first', () => {
    const engine = newEngine();
    for (const [id, ttl] of [
      [1n, 30n],
      [2n, 10n],
      [3n, 20n],
    ] as const)
      engine.leaseGrant({ id, ttl }, 0);
    engine.leaseKeepAlive({ id: 2n }, 15_000 - 6_000);
    expect(ids(engine)).toEqual([2n, 3n, 1n]);
    engine.leaseRevoke({ id: 2n });
    expect(ids(engine)).toEqual([3n, 1n]);
  });
});

describe('attachment', () => {
  it('moves with puts, ends with deletes, and does not come back', () => {
    const engine = newEngine();
    for (const id of [1n, 2n]) engine.leaseGrant({ id, ttl: 10n }, 0);
    engine.put(put('a', '', { lease: 1n }));
    engine.put(put('a', '', { lease: 2n }));
    expect([keysOf(engine, 1n), keysOf(engine, 2n)]).toEqual([[], ['a']]);
    engine.deleteRange(del('a'));
    engine.put(put('a'));
    expect(keysOf(engine, 2n)).toEqual([]);
    engine.leaseRevoke({ id: 2n });
    expect(dump(engine)).toEqual(['a=@5/5/1']);
  });

  it('of a put and a delete in one txn leaves nothing', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 10n }, 0);
    const child = (each: ReturnType<typeof op.put>) => op.txn({ success: [each] });
    engine.txn({ success: [child(op.put('a', '', { lease: 1n })), child(op.del('a'))] });
    expect(keysOf(engine, 1n)).toEqual([]);
  });
});

describe('revoke and expiry', () => {
  it('deletes all keys in one revision, in key order', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 10n }, 0);
    for (const key of ['c', 'a', 'b']) engine.put(put(key, '', { lease: 1n }));
    expect(engine.leaseRevoke({ id: 1n }).header.revision).toBe(5n);
    expect(engine.space.changesOf(5n)?.changes.map(({ text, deleted }) => [text, deleted])).toEqual([
      ['a', true],
      ['b', true],
      ['c', true],
    ]);
    expect(errorOf(() => engine.leaseRevoke({ id: 1n }))).toBe('etcdserver: requested lease not found');
    expect(errorOf(() => engine.put(put('a', '', { lease: 1n })))).toBe('etcdserver: requested lease not found');
  });

  it('ends each lease in a revision of its own, soonest first, and never early', () => {
    const engine = newEngine();
    for (const [id, ttl] of [
      [1n, 3n],
      [2n, 2n],
      [3n, 4n],
    ] as const) {
      engine.leaseGrant({ id, ttl }, 0);
      engine.put(put(`k${id}`, '', { lease: id }));
    }
    expect(engine.expireLeases(1_999)).toBe(0);
    expect(engine.expireLeases(3_500)).toBe(2);
    const texts = [5n, 6n].map((revision) => engine.space.changesOf(revision)?.changes.map(({ text }) => text));
    expect(texts).toEqual([['k2'], ['k1']]);
    expect(engine.nextExpiryMs()).toBe(4_000);
  });

  it('ends at most so many at a time', () => {
    const engine = newEngine();
    for (let i = 1n; i <= maxExpiriesPerCall + 1; i++) engine.leaseGrant({ id: i, ttl: 1n }, 0);
    expect(engine.expireLeases(1_000)).toBe(maxExpiriesPerCall);
    expect(engine.nextExpiryMs()).toBe(1_000);
    expect(engine.expireLeases(1_000)).toBe(1);
    expect(engine.nextExpiryMs()).toBeUndefined();
  });

  it('extends every lease, and those of later grants and heartbeats not', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 5n }, 0);
    engine.extendLeases(3_000);
    engine.leaseGrant({ id: 2n, ttl: 5n }, 0);
    expect(engine.leaseTimeToLive({ id: 1n }, 0).ttl).toBe(8n);
    expect(engine.leaseTimeToLive({ id: 2n }, 0).ttl).toBe(5n);
    engine.leaseKeepAlive({ id: 1n }, 1_000);
    expect(engine.leaseTimeToLive({ id: 1n }, 1_000).ttl).toBe(7n);
    expect([engine.expireLeases(5_000), ids(engine)]).toEqual([1, [1n]]);
  });

  it('holds no dead leases for long, whatever their TTL', () => {
    const table = new LeaseTable();
    table.grant(0n, 60n, 0);
    for (let id = 1n; id <= 10_000n; id++) {
      table.grant(id, 3_600n, 0);
      table.delete(id);
      expect(table.waiting).toBeLessThan(2_100);
    }
    expect([table.size, table.first()?.atMs]).toEqual([1, 60_000]);
  });
});

describe('the journal', () => {
  it('tells every effect in order, and nothing of reads and heartbeats', () => {
    const entries: JournalEntry[] = [];
    const engine = newEngine({ onEntry: (entry) => entries.push(entry) });
    engine.leaseGrant({ id: 1n, ttl: 5n }, 0);
    engine.leaseGrant({ id: 2n, ttl: 5n }, 0);
    engine.put(put('a', '', { lease: 1n }));
    engine.leaseKeepAlive({ id: 1n }, 1);
    engine.leaseRevoke({ id: 1n });
    engine.leaseRevoke({ id: 2n });
    engine.compact({ revision: 2n });
    engine.deleteRange(del('none'));
    const brief = entries.map((entry) =>
      entry.type === 'changes' ? [entry.type, entry.changes.revision, entry.endedLease] : Object.values(entry),
    );
    expect(brief).toEqual([
      ['leaseGranted', 1n, 5n],
      ['leaseGranted', 2n, 5n],
      ['changes', 2n, undefined],
      ['changes', 3n, 1n],
      ['leaseEnded', 2n],
      ['compacted', 2n],
    ]);
  });
});
