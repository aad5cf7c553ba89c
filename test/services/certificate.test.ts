import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { prefixEnd, utf8 } from '../../src/core/bytes.js';
import type { ConclaveError } from '../../src/core/errors.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { PasswordHasher } from '../../src/server/auth/password-hash.js';
import { readTlsFiles } from '../../src/server/net/tls-files.js';
import { type Server, startServer } from '../../src/server/server.js';
import { PermissionType } from '../../src/store/auth-messages.js';
import { authAdminMethods, maintenanceMethods } from '../../src/wire/admin-methods.js';
import { electionMethods, lockMethods } from '../../src/wire/concurrency-methods.js';
import { authMethods, kvMethods, leaseMethods, type UnaryMethod } from '../../src/wire/methods.js';
import { type Certificates, makeCertificates } from '../support/certificates.js';
import { keyText, Stream } from './support/client.js';

const told = async (answer: Promise<unknown>) =>
  answer.then(
    () => 'OK',
    (error: ConclaveError) => error.message,
  );

/** The certificate of these tests names `client`. */
describe('a client certificate, while authentication is enabled', () => {
  let certificates: Certificates;
  let server: Server;
  let channel: H2Channel;

  const ask = <Request, Response>(method: UnaryMethod<Request, Response>, request: Request, token?: string) =>
    channel.unary(method, request, token === undefined ? {} : { metadata: { token } });
  const grant = async () => (await ask(leaseMethods.grant, { ttl: 60n })).id;

  beforeAll(async () => {
    certificates = makeCertificates();
    const files = { certFile: certificates.file('server.crt'), keyFile: certificates.file('server.key') };
    const tls = { ...readTlsFiles(files), ca: certificates.text('ca.crt') };
    const listen = { host: '127.0.0.1', port: 0 };
    const runtime = new NodeRuntime();
    server = await startServer({ runtime, listen, tls, hasher: new PasswordHasher(runtime, 4) });
    const [ca, cert, key] = (['ca.crt', 'client.crt', 'client.key'] as const).map((name) => certificates.text(name));
    channel = new H2Channel({ address: server.url.replace('https://', ''), tls: { ca, cert, key } });
    for (const name of ['root', 'client', 'other']) {
      await ask(authAdminMethods.userAdd, { name, password: 'pw', options: undefined, hashedPassword: '' });
    }
    await ask(authAdminMethods.roleAdd, { name: 'mine' });
    const perm = { permType: PermissionType.readWrite, key: utf8('mine/'), rangeEnd: prefixEnd(utf8('mine/')) };
    await ask(authAdminMethods.roleGrantPermission, { name: 'mine', perm });
    await ask(authAdminMethods.userGrantRole, { user: 'root', role: 'root' });
    await ask(authAdminMethods.userGrantRole, { user: 'client', role: 'mine' });
    await ask(authAdminMethods.enable, {});
  });
  afterAll(async () => {
    await channel.close();
    await server.close();
    certificates[Symbol.dispose]();
  });

  it('names the user of every call', async () => {
    expect(await told(ask(kvMethods.put, { key: utf8('mine/k') }))).toBe('OK');
    expect(await told(ask(kvMethods.put, { key: utf8('yours/k') }))).toBe('etcdserver: permission denied');
    expect(await told(ask(maintenanceMethods.status, {}))).toBe('OK');
    expect(await told(ask(authAdminMethods.userList, {}))).toBe('etcdserver: permission denied');
  });

  it('names the user of Lock and Unlock, waiting and cleaning up', async () => {
    const [front, back] = [await grant(), await grant()];
    const name = utf8('mine/lock');
    const { key } = await ask(lockMethods.lock, { name, lease: front });
    const controller = new AbortController();
    const gone = told(channel.unary(lockMethods.lock, { name, lease: await grant() }, { signal: controller.signal }));
    const below = async () =>
      (await ask(kvMethods.range, { key: utf8('mine/lock/'), rangeEnd: prefixEnd(utf8('mine/lock/')) })).kvs.length;
    const untilBelow = async (count: number) => {
      while ((await below()) !== count);
    };
    await untilBelow(2);
    controller.abort();
    await gone;
    await untilBelow(1);
    const waiting = ask(lockMethods.lock, { name, lease: back });
    await untilBelow(2);
    await ask(lockMethods.unlock, { key });
    await ask(lockMethods.unlock, { key: (await waiting).key });
    expect(await below()).toBe(0);
    const foreign = ask(lockMethods.lock, { name: utf8('yours/lock'), lease: front });
    expect(await told(foreign)).toBe('etcdserver: permission denied');
  });

  it('names the user of Campaign, Proclaim, Leader, Observe and Resign', async () => {
    const name = utf8('mine/election');
    const stream = new Stream<{ kv?: { value: Uint8Array } }>(() => call.cancel());
    const listener = { onMessage: (message: never) => stream.push(message), onEnd: (e?: Error) => stream.end(e) };
    const call = channel.duplex(electionMethods.observe, listener as never, {});
    call.send({ name } as never);
    call.halfClose();
    const { leader } = await ask(electionMethods.campaign, { name, lease: await grant(), value: utf8('one') });
    expect(keyText((await stream.next()).kv?.value)).toBe('one');
    await ask(electionMethods.proclaim, { leader, value: utf8('two') });
    expect(keyText((await stream.next()).kv?.value)).toBe('two');
    expect(keyText((await ask(electionMethods.leader, { name })).kv?.value)).toBe('two');
    await ask(electionMethods.resign, { leader });
    stream.cancel();
    expect(await told(ask(electionMethods.leader, { name: utf8('yours') }))).toBe('etcdserver: permission denied');
  });

  it('gives way to a token, good or bad', async () => {
    const { token } = await ask(authMethods.authenticate, { name: 'other', password: 'pw' });
    const name = utf8('mine/token');
    const lease = await grant();
    expect(await told(ask(lockMethods.lock, { name, lease }, token))).toBe('etcdserver: permission denied');
    expect(await told(ask(lockMethods.lock, { name, lease }, 'bad'))).toBe('etcdserver: invalid auth token');
    expect(await told(ask(lockMethods.lock, { name, lease }))).toBe('OK');
  });
});
