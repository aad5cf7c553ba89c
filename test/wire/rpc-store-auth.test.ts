import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { prefixEnd, utf8 } from '../../src/core/bytes.js';
import { findEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { expectNoLeaks } from '../support/leaks.js';
import {
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
const alice = { username: 'alice', password: 'alice-pw' };

if ('missing' in found) describeSkipped('RpcStore over an etcd with users', found.missing, suites);
else describe('RpcStore over an etcd with users', suites);

function suites(): void {
  expectNoLeaks();
  let etcd: RunningEtcd;
  const opened: Opened[] = [];

  beforeAll(async () => {
    etcd = await startEtcd();
    const commands = [
      ['user', 'add', 'root:root-pw'],
      ['user', 'grant-role', 'root', 'root'],
      ['role', 'add', 'app'],
      ['role', 'grant-permission', 'app', 'readwrite', 'app/', 'app0'],
      ['user', 'add', 'alice:alice-pw'],
      ['user', 'grant-role', 'alice', 'app'],
      ['auth', 'enable'],
    ];
    for (const command of commands) expect(await etcd.etcdctl(command)).toMatchObject({ code: 0 });
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });
  afterAll(() => etcd?.stop());

  for (const [name, open] of Object.entries(ways)) {
    describe(name, () => {
      const connect = (options: OpenOptions) => {
        const each = open([etcd.url], options);
        opened.push(each);
        return each.store;
      };

      it('does what the user may, and is told what it may not', async () => {
        const store = connect({ credentials: alice });
        const watch = new ToldWatch(store, { key: utf8('app/'), rangeEnd: prefixEnd(utf8('app/')) });
        const forbidden = new ToldWatch(store, { key: utf8('other') });
        await forbidden.until((log) => log.error !== undefined);
        expect(forbidden.error).toMatchObject({
          code: 'PERMISSION_DENIED',
          message: 'etcdserver: permission denied',
        });
        await watch.until((log) => log.created.length === 1);
        await store.txn(putTxn(`app/${name}`, 'x'));
        await watch.until((log) => log.events.length === 1);
        await expect(store.txn(putTxn('other', 'x'))).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
          outcome: 'not-applied',
        });
        const { id } = await store.leaseGrant({ ttl: 30n });
        expect((await store.leaseKeepAlive({ id })).ttl).toBe(30n);
        await store.leaseRevoke({ id });
        watch.cancel();
      });

      it('rejects with UNAUTHENTICATED for a wrong password, and ends watches with it', async () => {
        const store = connect({ credentials: { username: 'alice', password: 'wrong' } });
        const watch = new ToldWatch(store, { key: utf8('app/x') });
        await expect(store.txn(putTxn('app/x', 'x'))).rejects.toMatchObject({
          code: 'UNAUTHENTICATED',
          outcome: 'not-applied',
          message: expect.stringContaining('authentication failed, invalid user ID or password'),
        });
        await watch.until((log) => log.error !== undefined);
        expect(watch.error).toMatchObject({ code: 'UNAUTHENTICATED' });
      });

      it('rejects without credentials with what etcd says', async () => {
        const store = connect({});
        await expect(store.txn(putTxn('app/x', 'x'))).rejects.toMatchObject({
          code: 'UNAUTHENTICATED',
          message: 'etcdserver: user name is empty',
        });
      });

      it('fetches a new token when etcd has forgotten it, and watches go on', async () => {
        const store = connect({ credentials: alice, requestTimeoutMs: 2_000 });
        const key = utf8(`app/${name}/restart`);
        const watch = new ToldWatch(store, { key });
        await watch.until((log) => log.created.length === 1);
        await store.txn(putTxn(`app/${name}/restart`, '1'));
        await watch.until((log) => log.events.length === 1);
        await etcd.restart();
        const put = await etcd.etcdctl(['--user', 'root:root-pw', 'put', `app/${name}/restart`, '2']);
        expect(put).toMatchObject({ code: 0 });
        await watch.until((log) => log.events.length === 2 || log.error !== undefined);
        expect(watch.error).toBeUndefined();
        expect(watch.values).toEqual(['1', '2']);
        expect((await store.range({ key })).count).toBe(1n);
        watch.cancel();
      });
    });
  }
}
