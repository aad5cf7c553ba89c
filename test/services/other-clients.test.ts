import { afterAll, beforeAll, expect, it } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { utf8 } from '../../src/core/bytes.js';
import type { ConclaveError } from '../../src/core/errors.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import type { WatchResponse } from '../../src/store/messages.js';
import { electionMethods, lockMethods } from '../../src/wire/concurrency-methods.js';
import { type DuplexMethod, kvMethods, leaseMethods, type UnaryMethod, watchMethods } from '../../src/wire/methods.js';
import { base64, HttpStream, http } from '../gateway/support/http-client.js';
import { plain } from '../gateway/support/plain.js';
import { describeEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { keyText, Stream } from './support/client.js';

const own = ['cluster_id', 'member_id', 'raft_term', 'ID', 'lease'];

/**
 * The calls that Python's etcd3gw makes (etcd3gw/client.py, lease.py, lock.py, watch.py): numbers as Python writes
 * them, ids beyond 2^53 included; keepalive and watch by the same POST; one JSON value in each chunk of an answer.
 */
async function etcd3gw(url: string): Promise<unknown[]> {
  const told: unknown[] = [];
  const version = JSON.parse((await http(`${url}/version`)).text) as { etcdserver: string };
  told.push(/^3\.\d+\.\d+$/.test(version.etcdserver));
  const post = async (path: string, body: string) => {
    const { status, text } = await http(`${url}/v3/${path}`, { method: 'POST', body });
    const answer: unknown = JSON.parse(text);
    told.push([path, status, plain(answer, own)]);
    return answer as Record<string, unknown>;
  };
  const { ID } = (await post('lease/grant', '{"TTL": 30, "ID": 0}')) as { ID: string };
  const [key, mine, other] = ['/locks/py', 'uuid-1', 'uuid-2'].map(base64) as [string, string, string];
  const compare = `{"key": "${key}", "result": "EQUAL", "target": "CREATE", "create_revision": 0}`;
  const acquire = (uuid: string) =>
    `{"compare": [${compare}], "success": [{"request_put": {"key": "${key}", "value": "${uuid}", "lease": ${ID}}}], ` +
    `"failure": [{"request_range": {"key": "${key}"}}]}`;
  await post('kv/txn', acquire(mine));
  await post('kv/txn', acquire(other));
  await post('lease/keepalive', `{"ID": ${ID}}`);
  await post('kv/lease/timetolive', `{"ID": ${ID}, "keys": true}`);
  const release = (uuid: string) =>
    `{"compare": [{"key": "${key}", "result": "EQUAL", "target": "VALUE", "value": "${uuid}"}], ` +
    `"success": [{"request_delete_range": {"key": "${key}"}}]}`;
  await post('kv/txn', release(other));
  await post('kv/txn', release(mine));
  await post('kv/range', `{"key": "${key}", "sort_order": 0, "sort_target": 0}`);
  const watch = new HttpStream(`${url}/v3/watch`);
  watch.send(`{"create_request": {"key": "${base64('py/')}", "range_end": "${base64('py0')}"}}`);
  watch.halfClose();
  told.push(plain(await watch.next(), own));
  for (const name of ['py/b', 'py/a']) await post('kv/put', `{"key": "${base64(name)}", "value": "${base64(name)}"}`);
  told.push(plain(await watch.next(), own), plain(await watch.next(), own));
  watch.close();
  const range = `"key": "${base64('py/')}", "range_end": "${base64('py0')}"`;
  await post('kv/range', `{${range}, "sort_order": 2, "sort_target": 3}`);
  await post('kv/deleterange', `{${range}}`);
  await post('kv/deleterange', `{${range}}`);
  await post('lease/revoke', `{"ID": ${ID}}`);
  await post('lease/revoke', `{"ID": ${ID}}`);
  const status = await http(`${url}/v3/maintenance/status`, { method: 'POST', body: '{}' });
  const members = await http(`${url}/v3/cluster/member/list`, { method: 'POST', body: '{}' });
  told.push(status.status, Object.keys(JSON.parse(members.text)).sort());
  return told;
}

/**
 * The calls that jetcd makes (impl/WatchImpl, LeaseImpl, LockImpl, ElectionImpl): `hasleader` with watches and
 * elections, a stream for each watcher which is cancelled by a message and half-closed, errors known by their texts.
 */
async function jetcd(url: string): Promise<unknown[]> {
  const channel = new H2Channel({ address: new URL(url).host });
  const metadata = { hasleader: 'true' };
  const ask = <Request, Response>(method: UnaryMethod<Request, Response>, request: Request) =>
    channel.unary(method, request, { metadata });
  const open = <Request, Response>(method: DuplexMethod<Request, Response>) => {
    const stream = new Stream<Response>(() => call.cancel());
    const listener = { onMessage: (each: Response) => stream.push(each), onEnd: (error?: Error) => stream.end(error) };
    const call = channel.duplex(method, listener, { metadata });
    return { stream, send: (request: Request) => call.send(request), halfClose: () => call.halfClose() };
  };
  const failureOf = (answer: Promise<unknown>) =>
    answer.then(
      () => 'none',
      (error: ConclaveError) => error.message,
    );
  const told: unknown[] = [];
  const { id: lease } = await ask(leaseMethods.grant, { ttl: 30n });
  const beats = open(leaseMethods.keepAlive);
  for (let i = 0; i < 2; i++) {
    beats.send({ id: lease });
    told.push((await beats.stream.next()).ttl);
  }
  beats.stream.cancel();
  const { key } = await ask(lockMethods.lock, { name: utf8('java/lock'), lease });
  told.push(keyText(key) === `java/lock/${lease.toString(16)}`);
  await ask(lockMethods.unlock, { key });
  const name = utf8('java/election');
  told.push(await failureOf(ask(electionMethods.leader, { name })));
  const observed = open(electionMethods.observe);
  observed.send({ name });
  // Its stub may send one message alone.
  observed.halfClose();
  const { leader } = await ask(electionMethods.campaign, { name, lease, value: utf8('one') });
  told.push(keyText((await observed.stream.next()).kv?.value));
  await ask(electionMethods.proclaim, { leader, value: utf8('two') });
  told.push(keyText((await observed.stream.next()).kv?.value));
  await ask(electionMethods.resign, { leader });
  told.push(await failureOf(ask(electionMethods.proclaim, { leader, value: utf8('three') })));
  observed.stream.cancel();
  const watcher = open(watchMethods.watch);
  const seen = ({ created, canceled, events, watchId }: WatchResponse) => ({
    ...{ created, canceled, watchId },
    events: events.map(({ type, kv, prevKv }) => [type, keyText(kv.key), keyText(prevKv?.value)]),
  });
  const request = { key: utf8('java/k'), prevKv: true, progressNotify: true, filters: [] };
  watcher.send({ type: 'create', request });
  told.push(seen(await watcher.stream.next()));
  for (const value of ['1', '2']) {
    await ask(kvMethods.put, { key: utf8('java/k'), value: utf8(value) });
    told.push(seen(await watcher.stream.next()));
  }
  watcher.send({ type: 'cancel', watchId: 0n });
  told.push(seen(await watcher.stream.next()));
  watcher.stream.cancel();
  await ask(leaseMethods.revoke, { id: lease });
  told.push(await failureOf(ask(leaseMethods.revoke, { id: lease })));
  await channel.close();
  return told;
}

describeEtcd('clients in other languages are told the same by our server and by etcd', () => {
  let server: Server;
  let etcd: RunningEtcd;
  beforeAll(async () => {
    server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
    etcd = await startEtcd();
  });
  afterAll(async () => {
    await server.close();
    await etcd.stop();
  });

  it.each(Object.entries({ etcd3gw, jetcd }))('%s', { timeout: 60_000 }, async (_, script) => {
    expect(await script(server.url)).toEqual(await script(etcd.url));
  });
});
