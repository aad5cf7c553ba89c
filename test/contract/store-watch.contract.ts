import { beforeEach, describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { type Event, EventType, WatchFilter } from '../../src/store/messages.js';
import { put, remove } from '../../src/store/ops.js';
import type { Backend } from '../support/backends.js';
import { watchLog } from '../support/watch-log.js';
import { type Fixture, fixture } from './store-fixture.js';

/** What a watch must tell. */
export function watchContract(backend: Backend): void {
  describe('watch', () => {
    const open = fixture(backend);
    let at: Fixture;
    beforeEach(async () => {
      at = await open();
    });
    /** `+a=1` for a put, `-a` for a delete. */
    const told = (events: readonly Event[], fixture = at) =>
      events.map(({ type, kv }) => {
        const name = utf8Text(kv.key).slice(fixture.prefix.length);
        return type === EventType.put ? `+${name}=${utf8Text(kv.value)}` : `-${name}`;
      });

    it('created, tells every later change: none is lost between created and a read', async () => {
      await at.put('a', 'before');
      const log = watchLog(at.store, at.within());
      const created = await log.created;
      const revision = await at.put('a', 'after');
      const events = await log.first(1);
      expect(told(events)).toEqual(['+a=after']);
      expect(events[0]?.kv).toMatchObject({ modRevision: revision, version: 2n });
      expect(created).toBeLessThan(revision);
    });

    it('tells that it is created once, before anything else, also while others write', async () => {
      const writes = Array.from({ length: 20 }, (_, i) => at.put('a', String(i)));
      const log = watchLog(at.store, at.within());
      expect(log.createdCalls).toBe(0);
      const created = await log.created;
      const last = await at.put('end');
      await Promise.all(writes);
      // The writes may overtake each other, so wait for the last revision and not for a key.
      for (let count = 1; (await log.first(count)).at(-1)?.kv.modRevision !== last; count++);
      const revisions = log.events.map(({ kv }) => kv.modRevision);
      expect(revisions.every((revision) => revision > created)).toBe(true);
      expect(log.createdCalls).toBe(1);
    });

    it('tells one key, or a range, and nothing else', async () => {
      const one = watchLog(at.store, { key: at.key('b') });
      const range = watchLog(at.store, { key: at.key('b'), rangeEnd: at.key('d') });
      await Promise.all([one.created, range.created]);
      for (const name of ['a', 'b', 'c', 'd', 'b']) await at.put(name, 'x');
      expect(told(await one.first(2))).toEqual(['+b=x', '+b=x']);
      expect(told(await range.first(3))).toEqual(['+b=x', '+c=x', '+b=x']);
    });

    it('tells deletes with key and revision only', async () => {
      await at.put('a', 'gone');
      const log = watchLog(at.store, at.within());
      await log.created;
      const revision = await at.remove('a');
      const [event] = await log.first(1);
      expect(told(event === undefined ? [] : [event])).toEqual(['-a']);
      expect(event?.kv).toMatchObject({ modRevision: revision, createRevision: 0n, version: 0n });
      expect(event?.kv.value).toHaveLength(0);
    });

    it('never splits a revision, and keeps the order within it', async () => {
      const log = watchLog(at.store, at.within());
      await log.created;
      for (let round = 0; round < 5; round++) {
        const names = Array.from({ length: 10 }, (_, i) => at.key(`${i}`));
        await at.store.txn({ success: names.map((name) => put(name, String(round))) });
      }
      await log.first(50);
      for (const batch of log.batches) {
        expect(batch.length % 10).toBe(0);
        expect(told(batch.slice(0, 10)).map((text) => text[1])).toEqual([...'0123456789']);
      }
    });

    it('tells the past from a start revision on, without gap or repetition, then goes on', async () => {
      await at.put('a', '0');
      const start = await at.put('a', '1');
      await at.remove('a');
      const log = watchLog(at.store, { ...at.within(), startRevision: start });
      await log.first(2);
      await at.put('a', '2');
      expect(told(await log.first(3))).toEqual(['+a=1', '-a', '+a=2']);
    });

    it('gives the replaced key, if asked', async () => {
      const log = watchLog(at.store, { ...at.within(), prevKv: true });
      await log.created;
      await at.put('a', '1');
      await at.put('a', '2');
      await at.remove('a');
      const replaced = (await log.first(3)).map(({ prevKv }) => (prevKv === undefined ? '' : utf8Text(prevKv.value)));
      expect(replaced).toEqual(['', '1', '2']);
    });

    it('leaves out puts or deletes, if asked', async () => {
      const puts = watchLog(at.store, { ...at.within(), filters: [WatchFilter.noDelete] });
      const deletes = watchLog(at.store, { ...at.within(), filters: [WatchFilter.noPut] });
      await Promise.all([puts.created, deletes.created]);
      await at.put('a', '1');
      await at.remove('a');
      await at.put('a', '2');
      await at.remove('a');
      expect(told(await puts.first(2))).toEqual(['+a=1', '+a=2']);
      expect(told(await deletes.first(2))).toEqual(['-a', '-a']);
    });

    it('tells nothing after it was cancelled', async () => {
      const cancelled = watchLog(at.store, at.within());
      const other = watchLog(at.store, at.within());
      await Promise.all([cancelled.created, other.created]);
      cancelled.cancel();
      cancelled.cancel();
      await at.put('a', '1');
      await other.first(1);
      expect(cancelled.events).toEqual([]);
    });

    it('may be cancelled before it is created', async () => {
      const log = watchLog(at.store, at.within());
      log.cancel();
      const other = watchLog(at.store, at.within());
      await other.created;
      await at.put('a', '1');
      await other.first(1);
      expect({ created: log.createdCalls, events: log.events }).toEqual({ created: 0, events: [] });
    });

    it('tells each of many watches, on both lanes', async () => {
      const logs = Array.from({ length: 20 }, (_, i) =>
        watchLog(at.store, { key: at.key(`k${i}`), lane: i % 2 === 0 ? 'control' : 'bulk' }),
      );
      await Promise.all(logs.map((log) => log.created));
      await at.store.txn({ success: logs.map((_, i) => put(at.key(`k${i}`), String(i))) });
      const events = await Promise.all(logs.map((log) => log.first(1)));
      expect(events.flatMap((each) => told(each))).toEqual(logs.map((_, i) => `+k${i}=${i}`));
    });

    it('tells a delete and a put of one txn as they happened', async () => {
      await at.put('a', '1');
      const log = watchLog(at.store, at.within());
      await log.created;
      await at.store.txn({ success: [remove(at.key('a')), put(at.key('b'), '1')] });
      expect(told(await log.first(2))).toEqual(['-a', '+b=1']);
      expect(log.batches).toHaveLength(1);
    });

    it('tells how far it has come, where it may be asked: after all events up to there', async () => {
      const progress: bigint[] = [];
      let last = 0n;
      let wake = () => {};
      const stop = at.store.watch(at.within(), {
        onCreated: () => wake(),
        onEvents: (events) => {
          last = events.at(-1)?.kv.modRevision ?? last;
        },
        onProgress: (revision) => {
          expect(last).toBe(written);
          progress.push(revision);
          wake();
        },
        onEnd: () => {},
      });
      let written = 0n;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      for (let i = 0; i < 10; i++) {
        written = await at.put(`${i}`, 'x');
        const told = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (!(await at.store.requestProgress('bulk'))) {
          expect(backend.name).toContain('etcd');
          break;
        }
        await told;
        expect(progress.at(-1)).toBeGreaterThanOrEqual(written);
      }
      stop();
    });

    it('carries large values', async () => {
      const log = watchLog(at.store, at.within());
      await log.created;
      const value = utf8('x'.repeat(1_000_000));
      await at.put('a', '', { value });
      expect((await log.first(1))[0]?.kv.value).toHaveLength(value.length);
    });

    it('from a compacted revision ends with COMPACTED', async () => {
      const own = await open({ exclusive: true });
      const old = await own.put('a', '1');
      await own.put('a', '2');
      await own.store.compact({ revision: await own.put('a', '3') });
      const error = await watchLog(own.store, { ...own.within(), startRevision: old }).ended;
      expect(error).toMatchObject({ code: 'COMPACTED' });
    });

    it('survives a lost connection without gap or repetition', async () => {
      const own = await open({ exclusive: true });
      const log = watchLog(own.store, own.within());
      await log.created;
      await own.put('a', '1');
      await log.first(1);
      await own.interrupt();
      const other = await own.connect();
      await other.txn({ success: [put(own.key('a'), '2')] });
      await other.txn({ success: [put(own.key('a'), '3')] });
      expect(told(await log.first(3), own)).toEqual(['+a=1', '+a=2', '+a=3']);
      expect(log.createdCalls).toBe(1);
    });
  });
}
