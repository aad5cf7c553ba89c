import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { CompareTarget, EventType } from '../../src/store/messages.js';
import { untilAnswered } from '../../src/store/repeat.js';
import { findEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { expectNoLeaks } from '../support/leaks.js';
import {
  addressOf,
  type Opened,
  type OpenOptions,
  openEtcd3,
  openGrpc,
  openH2,
  putTxn,
  ToldWatch,
} from '../support/remote-stores.js';
import { describeSkipped } from '../support/skip.js';

const found = await findEtcd({ own: true });
const ways = { http2: openH2, grpc: openGrpc, etcd3: openEtcd3 } as const;

if ('missing' in found) describeSkipped('RpcStore over real etcd', found.missing, () => suites());
else describe('RpcStore over real etcd', suites);

function suites(): void {
  expectNoLeaks();
  let etcd: RunningEtcd;
  const opened: Opened[] = [];

  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });
  afterAll(() => etcd?.stop());

  for (const [name, open] of Object.entries(ways)) {
    describe(name, () => {
      const connect = (urls: readonly string[], options?: OpenOptions) => {
        const each = open(urls, options);
        opened.push(each);
        return each.store;
      };

      it('puts, reads and compares', async () => {
        const store = connect([etcd.url]);
        const key = utf8(`${name}/kv`);
        const put = await store.txn(putTxn(`${name}/kv`, 'one'));
        const range = await store.range({ key });
        expect(range.count).toBe(1n);
        expect(range.kvs[0]).toMatchObject({ value: utf8('one'), modRevision: put.header.revision, version: 1n });
        const compared = await store.txn({
          compare: [{ target: CompareTarget.mod, key, modRevision: put.header.revision }],
          success: [{ type: 'deleteRange', request: { key, prevKv: true } }],
          failure: [{ type: 'range', request: { key } }],
        });
        expect(compared.succeeded).toBe(true);
        expect(compared.responses[0]).toMatchObject({ type: 'deleteRange', response: { deleted: 1n } });
      });

      it("rejects with etcd's own texts", async () => {
        const store = connect([etcd.url]);
        await expect(store.range({ key: utf8('') })).rejects.toMatchObject({
          code: 'INVALID_ARGUMENT',
          message: 'etcdserver: key is not provided',
          outcome: 'not-applied',
        });
        await expect(store.leaseRevoke({ id: 4711n })).rejects.toMatchObject({ code: 'LEASE_NOT_FOUND' });
        await expect(store.range({ key: utf8('a'), revision: 1n << 60n })).rejects.toMatchObject({
          code: 'FUTURE_REVISION',
        });
      });

      it('keeps leases alive over one stream, with ids beyond 2^53', async () => {
        const store = connect([etcd.url]);
        const id = (1n << 62n) + 1n;
        const granted = await store.leaseGrant({ id, ttl: 60n });
        const other = await store.leaseGrant({ ttl: 30n });
        expect(granted).toMatchObject({ id, ttl: 60n });
        await store.txn(putTxn(`${name}/leased`, 'x', id));
        const kept = await Promise.all([
          store.leaseKeepAlive({ id }),
          store.leaseKeepAlive({ id: other.id }),
          store.leaseKeepAlive({ id: 99n }),
          store.leaseKeepAlive({ id }),
        ]);
        expect(kept.map(({ id, ttl }) => [id, ttl])).toEqual([
          [id, 60n],
          [other.id, 30n],
          [99n, 0n],
          [id, 60n],
        ]);
        const left = await store.leaseTimeToLive({ id, keys: true });
        expect(left.grantedTtl).toBe(60n);
        expect(left.keys).toEqual([utf8(`${name}/leased`)]);
        expect((await store.leaseLeases()).leases.map((lease) => lease.id)).toContain(id);
        await store.leaseRevoke({ id });
        await store.leaseRevoke({ id: other.id });
        expect((await store.range({ key: utf8(`${name}/leased`) })).count).toBe(0n);
      });

      it('tells a watch of what happens after its creation, and of what happened before if asked', async () => {
        const store = connect([etcd.url]);
        const key = utf8(`${name}/watched`);
        const first = await store.txn(putTxn(`${name}/watched`, 'one'));
        const watch = new ToldWatch(store, { key, prevKv: true });
        const replay = new ToldWatch(store, { key, startRevision: first.header.revision, lane: 'control' });
        await watch.until((log) => log.created.length === 1);
        await store.txn(putTxn(`${name}/watched`, 'two'));
        await store.txn({ success: [{ type: 'deleteRange', request: { key } }] });
        await watch.until((log) => log.events.length === 2);
        await replay.until((log) => log.events.length === 3);
        expect(watch.events.map((event) => event.type)).toEqual([EventType.put, EventType.delete]);
        expect(watch.events[0]?.prevKv?.value).toEqual(utf8('one'));
        expect(replay.values).toEqual(['one', 'two', '']);
        watch.cancel();
        replay.cancel();
      });

      it('ends a watch on a compacted revision with COMPACTED', async () => {
        const store = connect([etcd.url]);
        await store.txn(putTxn(`${name}/compacted`, 'one'));
        const { header } = await store.txn(putTxn(`${name}/compacted`, 'two'));
        await store.compact({ revision: header.revision });
        const watch = new ToldWatch(store, { key: utf8(`${name}/compacted`), startRevision: header.revision - 1n });
        await watch.until((log) => log.error !== undefined);
        expect(watch.error).toMatchObject({ code: 'COMPACTED' });
        await expect(store.compact({ revision: header.revision })).rejects.toMatchObject({ code: 'COMPACTED' });
      });

      it('ends a watch on an empty range with INVALID_ARGUMENT and leaves the others of the stream alone', async () => {
        const store = connect([etcd.url]);
        const good = new ToldWatch(store, { key: utf8(`${name}/good`) });
        const bad = new ToldWatch(store, { key: utf8('b'), rangeEnd: utf8('a') });
        await bad.until((log) => log.error !== undefined);
        expect(bad.error).toMatchObject({ code: 'INVALID_ARGUMENT', message: 'mvcc: watcher range is empty' });
        await good.until((log) => log.created.length === 1);
        await store.txn(putTxn(`${name}/good`, 'x'));
        await good.until((log) => log.events.length === 1);
        good.cancel();
      });

      it('ends a watch from a revision that no message can hold, and leaves the others alone', async () => {
        const store = connect([etcd.url]);
        const key = utf8(`${name}/beyond`);
        const [before, beyond] = [
          new ToldWatch(store, { key }),
          new ToldWatch(store, { key, startRevision: 2n ** 63n }),
        ];
        await beyond.until((log) => log.error !== undefined);
        expect(beyond.error).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-applied' });
        await before.until((log) => log.created.length === 1);
        const after = new ToldWatch(store, { key });
        await after.until((log) => log.created.length === 1);
      });

      it('resumes a watch over a restart of etcd without gap or repetition', async () => {
        const store = connect([etcd.url], { requestTimeoutMs: 2_000 });
        const watch = new ToldWatch(store, { key: utf8(`${name}/resume`) });
        await watch.until((log) => log.created.length === 1);
        await store.txn(putTxn(`${name}/resume`, '1'));
        await watch.until((log) => log.events.length === 1);
        await etcd.restart();
        const written = await etcd.etcdctl(['put', `${name}/resume`, '2']);
        expect(written.code).toBe(0);
        await etcd.etcdctl(['put', `${name}/resume`, '3']);
        await watch.until((log) => log.events.length === 3);
        expect(watch.values).toEqual(['1', '2', '3']);
        expect(watch.created).toHaveLength(1);
        watch.cancel();
      });

      it('says which endpoint refuses connections, and that nothing was applied', async () => {
        const dead = await refusingUrl();
        const store = connect([dead], { requestTimeoutMs: 3_000 });
        await expect(store.txn(putTxn('a', 'b'))).rejects.toMatchObject({
          code: 'UNAVAILABLE',
          outcome: 'not-applied',
          retryable: true,
          message: expect.stringContaining(`ECONNREFUSED ${addressOf(dead)}`),
        });
        await expect(store.leaseKeepAlive({ id: 1n })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });

      it('goes on with the second endpoint where the first is dead', async () => {
        const store = connect([await refusingUrl(), etcd.url], { requestTimeoutMs: 3_000 });
        const watch = new ToldWatch(store, { key: utf8(`${name}/failover`) });
        await store.txn(putTxn(`${name}/failover-first`, 'x'));
        await watch.until((log) => log.created.length === 1);
        await store.txn(putTxn(`${name}/failover`, 'x'));
        await watch.until((log) => log.events.length === 1);
        const { id } = await store.leaseGrant({ ttl: 30n });
        // A stream is not opened twice behind the caller's back: etcd3's pool may try the dead host again meanwhile.
        const kept = await untilAnswered(new NodeRuntime(), new AbortController().signal, () =>
          store.leaseKeepAlive({ id }),
        );
        expect(kept.ttl).toBe(30n);
        await store.leaseRevoke({ id });
        watch.cancel();
      });

      it('ends everything with CLOSED', async () => {
        const store = connect([etcd.url]);
        const watch = new ToldWatch(store, { key: utf8(`${name}/closed`) });
        await watch.until((log) => log.created.length === 1);
        const reading = store.range({ key: utf8('a') });
        const closing = store.close();
        await expect(reading).rejects.toMatchObject({ code: 'CLOSED' });
        await closing;
        expect(watch.error).toMatchObject({ code: 'CLOSED' });
        await expect(store.range({ key: utf8('a') })).rejects.toMatchObject({ code: 'CLOSED' });
      });

      it('rejects with the reason of the signal itself, and with TIMEOUT when etcd does not answer', async () => {
        const store = connect([etcd.url]);
        await store.range({ key: utf8('a') });
        await etcd.pause();
        const controller = new AbortController();
        const reason = new Error('enough');
        const aborted = store.range({ key: utf8('a') }, { signal: controller.signal });
        const late = store.txn(putTxn(`${name}/late`, 'x'), { timeoutMs: 50 });
        controller.abort(reason);
        await expect(aborted).rejects.toBe(reason);
        await expect(late).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
        await etcd.resume();
      });
    });
  }
}

/** A URL of this machine where nothing listens. */
async function refusingUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
