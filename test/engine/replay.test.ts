import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import type { JournalEntry, KeyEntry } from '../../src/engine/journal.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { readEntries, writeEntry } from '../../src/storage/entry-codec.js';
import { Reader } from '../../src/wire/codec/reader.js';
import { Writer } from '../../src/wire/codec/writer.js';
import { operations, run, view } from './engine-view.js';
import { b, del, newEngine, op, put } from './support.js';

/** As from a file, whose bytes are others' when the next entry is read. */
function replayFromBytes(engine: Engine, entry: KeyEntry): void {
  const writer = new Writer();
  writeEntry(writer, entry);
  const payload = writer.finish();
  const entries: JournalEntry[] = [];
  readEntries(new Reader(payload), entries);
  for (const each of entries) engine.replay(each as KeyEntry, 0);
  payload.fill(0xee);
}

describe('a journal and a checkpoint', () => {
  it('make the same engine again, which goes on in the same way', () => {
    fc.assert(
      fc.property(operations, operations, (before, after) => {
        const journal: KeyEntry[] = [];
        const engine = newEngine({ onEntry: (entry) => journal.push(entry) });
        for (const each of before) run(engine, each);
        const copies = [journal, engine.checkpoint()].map((entries) => {
          const copy = newEngine();
          for (const entry of entries) replayFromBytes(copy, entry);
          return copy;
        });
        for (const copy of copies) expect(view(copy)).toEqual(view(engine));
        for (const each of after) {
          const expected = run(engine, each);
          for (const copy of copies) expect(run(copy, each)).toEqual(expected);
        }
        for (const copy of copies) expect(view(copy)).toEqual(view(engine));
      }),
      { numRuns: 200 },
    );
  });

  it('are of the moment when the checkpoint was asked for, whenever it is read', () => {
    fc.assert(
      fc.property(operations, operations, (before, after) => {
        const engine = newEngine();
        for (const each of before) run(engine, each);
        const checkpoint = engine.checkpoint();
        const expected = view(engine);
        for (const each of after) run(engine, each);
        const copy = newEngine();
        for (const entry of checkpoint) copy.replay(entry, 0);
        expect(view(copy)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('of a checkpoint of a checkpoint too, compacted at 0, at the first write and at the last', () => {
    for (const revision of [0n, 1n, 2n, 5n]) {
      const engine = newEngine();
      engine.leaseGrant({ id: 1n, ttl: 9n }, 0);
      engine.put(put('a', '1', { lease: 1n }));
      engine.txn({ success: [op.put('b'), op.put('c')] });
      engine.put(put('b', '2'));
      engine.deleteRange(del('c'));
      engine.compact({ revision });
      const copy = newEngine();
      for (const entry of engine.checkpoint()) copy.replay(entry, 0);
      const again = newEngine();
      for (const entry of copy.checkpoint()) again.replay(entry, 0);
      expect(view(again)).toEqual(view(engine));
    }
  });

  it('give each lease its whole time again', () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 5n }, 0);
    const copy = newEngine();
    for (const entry of engine.checkpoint()) copy.replay(entry, 0);
    copy.renewLeases(100_000);
    expect(copy.nextExpiryMs()).toBe(105_000);
  });
});

describe('a restored host', () => {
  it('tells watchers of the past what they ask for, of the present nothing, and ends leases', async () => {
    const engine = newEngine();
    engine.leaseGrant({ id: 1n, ttl: 5n }, 0);
    engine.put(put('a', '1', { lease: 1n }));
    const runtime = new SimRuntime();
    const host = new EngineHost(runtime);
    host.restore(engine.checkpoint());
    const told: string[] = [];
    for (const startRevision of [0n, 2n]) {
      const sink = {
        onEvents: (events: readonly unknown[], revision: bigint) =>
          told.push(`from ${startRevision}: ${events.length} at ${revision}`),
        onCompacted: () => {},
      };
      host.watch({ key: b('a'), startRevision }, sink).resume();
    }
    expect(told).toEqual(['from 2: 1 at 2']);
    await runtime.advance(5_000);
    expect(told).toEqual(['from 2: 1 at 2', 'from 0: 1 at 3', 'from 2: 1 at 3']);
    expect([host.stats().leases, runtime.pendingTimers]).toEqual([0, 0]);
    host.close();
  });
});

describe('a key that has changed very often', () => {
  it('is compacted at the cost of what goes, not of what stays', () => {
    const host = new EngineHost(new SimRuntime());
    const changes = 300_000;
    for (let i = 0; i < changes; i++) host.put(put('a', String(i)));
    // Copying what stays for each that goes, two hundred gigabytes, would take longer than a test may.
    const revision = BigInt(changes / 2);
    host.compact({ revision });
    expect(host.engine.space.compactRevision).toBe(revision);
    host.close();
  });
});

describe('a host that compacts by itself', () => {
  it('keeps what it was asked to, and not much more', () => {
    const host = new EngineHost(new SimRuntime(), { retainRevisions: 10n });
    for (let i = 0; i < 100; i++) {
      host.put(put('a', String(i)));
      const { revision, compactRevision } = host.engine.space;
      expect(revision - compactRevision).toBeGreaterThanOrEqual(revision < 11n ? 0n : 10n);
      expect(revision - compactRevision).toBeLessThanOrEqual(12n);
    }
    host.close();
  });
});
