import { it } from 'vitest';
import { startEtcd } from '../support/etcd.js';
import { GrpcChannel } from '../../src/channels/grpc-channel.js';
import { kvMethods, watchMethods, leaseMethods } from '../../src/wire/methods.js';
import { utf8 } from '../../src/core/bytes.js';
it('probe', async () => {
  const etcd = await startEtcd();
  for (const c of [['user','add','root:root-pw'],['user','grant-role','root','root'],['auth','enable']]) await etcd.etcdctl(c);
  const ch = new GrpcChannel({ address: etcd.url.replace('http://','') });
  const say = (...a: unknown[]) => console.log(...a);
  for (const md of [{ token: 'bogus.1' }, {}] as Record<string,string>[]) {
  await new Promise<void>((done) => {
    const d = ch.duplex(watchMethods.watch, { onMessage: (m) => { say(JSON.stringify(m, (_k, v) => typeof v === 'bigint' ? String(v) : v)); done(); }, onEnd: (e) => { say('end', e); done(); } }, { metadata: md });
    d.send({ type: 'create', request: { key: utf8('a') } });
    setTimeout(() => { say('nothing'); done(); }, 1000);
  });
  await new Promise<void>((done) => {
    const d = ch.duplex(leaseMethods.keepAlive, { onMessage: (m) => { say('ka', m.ttl); done(); }, onEnd: (e) => { say('ka end', e); done(); } }, { metadata: md });
    d.send({ id: 5n });
    setTimeout(() => { say('nothing'); done(); }, 1000);
  });
  await ch.unary(leaseMethods.grant, { ttl: 5n }, { metadata: md }).then((x) => say('grant ok', x.id), (e) => say('grant', e.message));
  await ch.unary(kvMethods.txn, {}, { metadata: md }).then(() => say('empty txn ok'), (e) => say('txn', e.message));
  await ch.unary(kvMethods.range, { key: utf8('a') }, { metadata: md }).then(() => say('range ok'), (e) => say('range', e.message));
  }
  await ch.close();
  const t = Date.now();
  const big = new GrpcChannel({ address: '10.255.255.1:2379' });
  await Promise.race([big.unary(kvMethods.range, { key: utf8('a') }, {}).catch((e) => say('blackhole', e.message, e.outcome, Date.now() - t)), new Promise((r) => setTimeout(r, 12000))]);
  await big.close();
  const bad = new GrpcChannel({ address: 'no-such-host.invalid:2379' });
  await bad.unary(kvMethods.range, { key: utf8('a') }, {}).catch((e) => say('dns', e.message, e.outcome));
  await bad.close();
  const tls = new GrpcChannel({ address: etcd.url.replace('http://',''), tls: {} });
  await tls.unary(kvMethods.range, { key: utf8('a') }, {}).catch((e) => say('tls', e.message, e.outcome));
  await tls.close();
  await etcd.stop();
}, 30000);
