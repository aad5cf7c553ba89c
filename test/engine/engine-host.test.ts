import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineHost } from '../../src/engine/engine-host.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import type { Event, WatchResponse } from '../../src/store/messages.js';
import { b, errorOf, op, put, range } from './support.js';

let runtime: SimRuntime;
let host: EngineHost;

beforeEach(() => {
  runtime = new SimRuntime();
  host = new EngineHost(runtime);
});

afterEach(() => {
  host.close();
  expect([runtime.pendingTimers, host.stats().watchers]).toEqual([0, 0]);
});

/** A lease of `ttl` seconds with one key, `k<id>`. */
function grant(id: bigint, ttl: bigint): void {
  host.leaseGrant({ id, ttl });
  host.put(put(`k${id}`, '', { lease: id }));
}

/** Milliseconds of simulated time at which a key's deletion is told. */
function deletionTimes(): Map<string, number> {
  const times = new Map<string, number>();
  const onEvents = (events: readonly Event[]) => {
    for (const { type, kv } of events) if (type === 1) times.set(Buffer.from(kv.key).toString(), runtime.nowMs);
  };
  host.watch({ key: b('k'), rangeEnd: b('l') }, { onEvents, onCompacted: () => {} }).resume();
  return times;
}

describe('identity', () => {
  it('is drawn by each host, and lease ids are positive', () => {
    const other = new EngineHost(runtime);
    const [mine, its] = [host, other].map((each) => each.range(range({ key: 'a' })).header);
    expect(mine?.raftTerm).toBe(2n);
    expect(mine?.clusterId).not.toBe(its?.clusterId);
    expect(mine?.memberId).not.toBe(its?.memberId);
    expect(host.leaseGrant({ ttl: 9n }).id).toBeGreaterThan(0n);
    other.close();
  });
});

describe('expiry', () => {
  it('happens by itself at the deadline, never before', async () => {
    const times = deletionTimes();
    grant(1n, 2n);
    grant(2n, 3n);
    await runtime.advance(1_999);
    expect(host.stats()).toMatchObject({ keys: 2, leases: 2 });
    await runtime.advance(5_000);
    expect([...times]).toEqual([
      ['k1', 2_000],
      ['k2', 3_000],
    ]);
    expect(host.stats()).toMatchObject({ keys: 0, leases: 0, revision: 5n });
    expect(runtime.pendingTimers).toBe(0);
  });

  it('is put off by heartbeats', async () => {
    const times = deletionTimes();
    grant(1n, 2n);
    for (let i = 0; i < 5; i++) {
      await runtime.advance(1_900);
      expect(host.leaseKeepAlive({ id: 1n }).ttl).toBe(2n);
    }
    await runtime.advance(10_000);
    expect([...times]).toEqual([['k1', 5 * 1_900 + 2_000]]);
  });

  it('comes sooner for a shorter lease granted later', async () => {
    const times = deletionTimes();
    grant(1n, 100n);
    grant(2n, 1n);
    await runtime.advance(1_000);
    expect([...times.keys()]).toEqual(['k2']);
    host.leaseRevoke({ id: 1n });
    expect(runtime.pendingTimers).toBe(0);
  });

  it('of more leases than fit one call needs no further push', async () => {
    for (let i = 1n; i <= 1_200n; i++) host.leaseGrant({ id: i, ttl: 1n });
    await runtime.advance(1_000);
    expect(host.stats().leases).toBe(0);
  });

  it('works for leases longer than a timer can wait', async () => {
    const delaysMs: number[] = [];
    const setTimer = runtime.setTimer.bind(runtime);
    runtime.setTimer = (delayMs, fn) => {
      delaysMs.push(delayMs);
      return setTimer(delayMs, fn);
    };
    host.leaseGrant({ id: 1n, ttl: 9_000_000_000n });
    expect(Math.max(...delaysMs)).toBeLessThan(2 ** 31);
    await runtime.advance(10_000);
    expect(host.leaseTimeToLive({ id: 1n }).ttl).toBe(8_999_999_990n);
  });
});

describe('a gap in the loop (DESIGN section 3, rule 13)', () => {
  it('does not count against a lease, whoever comes first after it', async () => {
    for (const first of ['heartbeat', 'read', 'timer'] as const) {
      grant(1n, 2n);
      await runtime.advance(1_000);
      runtime.stall(10_000);
      if (first === 'heartbeat') expect(host.leaseKeepAlive({ id: 1n }).ttl).toBe(2n);
      if (first === 'read') expect(host.range(range({ key: 'k1' })).kvs).toHaveLength(1);
      await runtime.advance(0);
      expect(host.stats().leases).toBe(1);
      await runtime.advance(2_000);
      expect(host.stats().leases).toBe(0);
    }
  });

  it('extends every lease by what was not lived through', async () => {
    const times = deletionTimes();
    grant(1n, 2n);
    grant(2n, 4n);
    await runtime.advance(1_000);
    runtime.stall(3_000);
    await runtime.advance(10_000);
    expect([...times]).toEqual([
      ['k1', 5_000],
      ['k2', 7_000],
    ]);
  });

  it('is counted once', async () => {
    grant(1n, 2n);
    await runtime.advance(1_000);
    runtime.stall(3_000);
    host.range(range({ key: 'a' }));
    host.range(range({ key: 'a' }));
    expect(host.leaseTimeToLive({ id: 1n }).ttl).toBe(1n);
    await runtime.advance(1_000);
    expect(host.stats().leases).toBe(0);
  });

  it('is not counted again by what comes before the loop turns', async () => {
    const times = deletionTimes();
    grant(1n, 2n);
    await runtime.advance(1_000);
    for (const ms of [3_000, 100, 100]) {
      runtime.stall(ms);
      host.range(range({ key: 'a' }));
    }
    await runtime.advance(10_000);
    expect(times.get('k1')).toBe(5_000);
  });

  it('that is short is no gap: the lease ends in time', async () => {
    const times = deletionTimes();
    grant(1n, 2n);
    await runtime.advance(1_000);
    runtime.stall(200);
    await runtime.advance(5_000);
    expect(times.get('k1')).toBe(2_000);
  });

  it('before the first lease is nobody’s', async () => {
    host.put(put('a'));
    runtime.stall(60_000);
    grant(1n, 2n);
    await runtime.advance(2_000);
    expect(host.stats().leases).toBe(0);
  });
});

describe('watches', () => {
  it('are told within the call that caused it, in order', () => {
    const told: string[] = [];
    const sink = (name: string) => ({
      onEvents: (events: readonly Event[], revision: bigint) => told.push(`${name} ${revision} ${events.length}`),
      onCompacted: () => {},
    });
    host.watch({ key: b('a') }, sink('one')).resume();
    host.watch({ key: b('a'), rangeEnd: b('c') }, sink('two')).resume();
    host.txn({ success: [op.put('a'), op.put('b')] });
    host.put(put('a'));
    expect(told).toEqual(['one 2 1', 'two 2 2', 'one 3 1', 'two 3 1']);
  });

  it('hear of a lease that ends just before another request is served', async () => {
    const times = deletionTimes();
    grant(1n, 1n);
    await runtime.advance(900);
    runtime.stall(100);
    expect(host.range(range({ key: 'k1' })).count).toBe(0n);
    expect(times.get('k1')).toBe(1_000);
  });

  it('come as a stream too', () => {
    const out: WatchResponse[] = [];
    const stream = host.openWatchStream((response) => out.push(response));
    stream.handle({ type: 'create', request: { key: b('a') } });
    host.put(put('a'));
    expect(out.map(({ created, events }) => [created, events.length])).toEqual([
      [true, 0],
      [false, 1],
    ]);
    stream.close();
  });

  it('can be held until the revision is safe', () => {
    const held = new EngineHost(runtime, { holdEvents: true });
    const told: bigint[] = [];
    held.watch({ key: b('a') }, { onEvents: (_, revision) => told.push(revision), onCompacted: () => {} }).resume();
    for (let i = 0; i < 3; i++) held.put(put('a'));
    expect(told).toEqual([]);
    held.releaseEvents(3n);
    expect(told).toEqual([2n, 3n]);
    held.close();
    held.releaseEvents(4n);
    expect(told).toEqual([2n, 3n]);
  });
});

describe('close', () => {
  it('takes every timer back, silences watches and refuses calls', () => {
    const told: bigint[] = [];
    host.watch({ key: b('a') }, { onEvents: (_, revision) => told.push(revision), onCompacted: () => {} }).resume();
    grant(1n, 5n);
    expect(runtime.pendingTimers).toBe(2);
    host.close();
    host.close();
    expect(runtime.pendingTimers).toBe(0);
    expect(errorOf(() => host.put(put('a')))).toBe('the embedded store is closed');
    expect(errorOf(() => host.watch({ key: b('a') }, { onEvents: () => {}, onCompacted: () => {} }))).toMatch(/closed/);
    expect(told).toEqual([]);
  });

  it('from within a watch leaves no timer behind', () => {
    host.watch({ key: b('k'), rangeEnd: b('l') }, { onEvents: () => host.close(), onCompacted: () => {} }).resume();
    grant(1n, 5n);
    expect([host.closed, runtime.pendingTimers]).toEqual([true, 0]);
  });
});
