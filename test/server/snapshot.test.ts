import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import type { Bucket, Entry } from '../../src/server/bbolt/format.js';
import { readBbolt } from '../../src/server/bbolt/read.js';
import { writeBbolt } from '../../src/server/bbolt/write.js';
import { readSnapshot, writeSnapshot } from '../../src/server/maintenance/snapshot.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { AuthWorld } from '../auth/support/auth-world.js';
import { operations, run, view } from '../engine/engine-view.js';

const asText = (entries: readonly Entry[]) =>
  entries.map((each) => each.map((bytes) => Buffer.from(bytes).toString('hex')));

describe('a bbolt file', () => {
  const entry = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.uint8Array({ maxLength: 9000 }));
  const entries = fc.uniqueArray(entry, { maxLength: 60, selector: ([key]) => Buffer.from(key).toString('hex') });
  const sorted = (each: readonly Entry[]) => [...each].sort(([a], [b]) => Buffer.compare(a, b));

  it('reads as what was written, whatever the sizes', () => {
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 4 }), (all) => {
        const buckets = all.map((each, i): Bucket => ({ name: `b${i}`, entries: sorted(each) }));
        const read = readBbolt(Buffer.from(writeBbolt(buckets)));
        expect([...read.keys()]).toEqual(buckets.map(({ name }) => name));
        for (const { name, entries } of buckets) expect(asText(read.get(name) ?? [])).toEqual(asText([...entries]));
      }),
      { numRuns: 50 },
    );
  });

  it('has branches over branches where there is much', () => {
    const many = Array.from({ length: 60_000 }, (_, i): Entry => [utf8(`${i}`.padStart(40, '0')), utf8(`${i}`)]);
    const read = readBbolt(Buffer.from(writeBbolt([{ name: 'many', entries: many }])));
    expect(read.get('many')?.every(([key], i) => Buffer.compare(key, (many[i] as Entry)[0]) === 0)).toBe(true);
    expect(read.get('many')?.length).toBe(60_000);
  });

  it('is read once: pages that lead to themselves are refused', () => {
    const many = Array.from({ length: 500 }, (_, i): Entry => [utf8(`${i}`.padStart(40, '0')), utf8('')]);
    const bytes = Buffer.from(writeBbolt([{ name: 'many', entries: many }]));
    const branch =
      [...Array(bytes.length / 4096).keys()].find((page) => bytes.readUInt16LE(page * 4096 + 8) === 1) ?? 0;
    expect(branch).toBeGreaterThan(0);
    bytes.writeBigUInt64LE(BigInt(branch), branch * 4096 + 16 + 8);
    expect(() => readBbolt(bytes)).toThrow(`two ways lead to page ${branch}`);
  });
});

/** Bytes as text, whichever kind of array holds them. */
function plain(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return String(each);
    const isBuffer = typeof each === 'object' && each !== null && 'data' in each && 'type' in each;
    if (isBuffer) return Buffer.from((each as { data: number[] }).data).toString('hex');
    return each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each;
  });
}

function restored(entries: ReturnType<typeof readSnapshot>): EngineHost {
  const host = new EngineHost(new SimRuntime(), { clusterId: 1n, memberId: 1n });
  host.restore(entries);
  return host;
}

describe('a snapshot', () => {
  it('makes the same store again: keys, history, leases, what was compacted', () => {
    fc.assert(
      fc.property(operations, operations, (before, after) => {
        const host = new EngineHost(new SimRuntime(), { clusterId: 1n, memberId: 1n });
        for (const each of before) run(host.engine, each);
        const copy = restored(readSnapshot(writeSnapshot(host)));
        expect(plain(view(copy.engine))).toEqual(plain(view(host.engine)));
        for (const each of after) expect(plain(run(copy.engine, each))).toEqual(plain(run(host.engine, each)));
        for (const each of [host, copy]) each.close();
      }),
      { numRuns: 200 },
    );
  });

  it('has users, roles and whether they are asked for', async () => {
    const world = new AuthWorld({ memberId: 3n });
    await world.populate();
    const copy = restored(readSnapshot(writeSnapshot(world.host)));
    expect(world.auth.enabled).toBe(true);
    const changes = (host: EngineHost) => host.auth.checkpoint().changes.map(plain).sort();
    expect(changes(copy)).toEqual(changes(world.host));
    expect(copy.auth.revision).toBe(world.auth.revision);
    for (const each of [world.host, copy]) each.close();
  });

  it('with a revision missing begins behind it', () => {
    const host = new EngineHost(new SimRuntime());
    for (const key of ['a', 'b', 'c', 'd']) host.put({ key: utf8(key) });
    const buckets = [...readBbolt(Buffer.from(writeSnapshot(host).subarray(0, -32)))];
    const without = buckets.map(
      ([name, entries]): Bucket => ({ name, entries: name === 'key' ? entries.filter((_, i) => i !== 1) : entries }),
    );
    const copy = restored(readSnapshot(writeBbolt(without), { skipHashCheck: true }));
    expect([copy.engine.space.compactRevision, copy.engine.space.revision, copy.stats().keys]).toEqual([3n, 5n, 3]);
    for (const each of [host, copy]) each.close();
  });

  it('is refused when a value is no message', () => {
    const host = new EngineHost(new SimRuntime());
    host.put({ key: utf8('a') });
    const buckets = [...readBbolt(Buffer.from(writeSnapshot(host).subarray(0, -32)))];
    for (const spoiled of ['key', 'lease', 'authRoles', 'authUsers']) {
      const entry: Entry = [Buffer.alloc(17), Buffer.from([0])];
      const changed = buckets.map(
        ([name, entries]): Bucket => ({ name, entries: name === spoiled ? [entry] : entries }),
      );
      const read = () => readSnapshot(writeBbolt(changed), { skipHashCheck: true });
      expect(read).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
    host.close();
  });

  it('is refused when a byte is wrong or missing', async () => {
    const world = new AuthWorld({ memberId: 3n });
    await world.populate();
    const bytes = Buffer.from(writeSnapshot(world.host));
    const at = fc.nat(bytes.length - 1);
    fc.assert(
      fc.property(at, fc.integer({ min: 1, max: 255 }), (i, flip) => {
        const changed = Buffer.from(bytes);
        changed[i] = (changed[i] as number) ^ flip;
        expect(() => readSnapshot(changed)).toThrow('its SHA-256 does not fit');
        expect(() => readSnapshot(bytes.subarray(0, i))).toThrow(/no snapshot|does not fit/);
        const unchecked = () => readSnapshot(changed.subarray(0, -32), { skipHashCheck: true });
        try {
          unchecked();
        } catch (error) {
          expect(ConclaveError.is(error, 'INVALID_ARGUMENT')).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
    world.host.close();
  });
});
