import { afterAll, beforeAll, expect, it } from 'vitest';
import { ConclaveError, connect, createdAt, type ErrorCode, put } from '../../src/index.js';
import { type Certificates, makeCertificates } from '../support/certificates.js';
import { freePorts } from '../support/etcd/free-ports.js';
import { describeEtcd, findEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { describeSkipped } from '../support/skip.js';

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await promise;
  } catch (error) {
    return ConclaveError.from(error).code;
  }
  return undefined;
}

/** Certificates are files of this machine, and the second port is one of this machine: a container has neither. */
const source = await findEtcd({ own: true });
const withBinary: typeof describeEtcd =
  'missing' in source || source.kind === 'binary'
    ? describeEtcd
    : (title, fn) => describeSkipped(title, 'TLS is tested with an etcd binary', () => fn({ url: '', version: '' }));

withBinary('etcd behind TLS with client certificates', () => {
  let certificates: Certificates;
  let etcd: RunningEtcd;
  let url: string;

  beforeAll(async () => {
    certificates = makeCertificates();
    const [port] = await freePorts(1);
    url = `https://127.0.0.1:${port}`;
    etcd = await startEtcd({
      args: (plain) => [
        ...['--listen-client-urls', `${plain},${url}`, '--advertise-client-urls', plain],
        ...['--cert-file', certificates.file('server.crt'), '--key-file', certificates.file('server.key')],
        ...['--trusted-ca-file', certificates.file('ca.crt'), '--client-cert-auth'],
      ],
    });
  });

  afterAll(async () => {
    await etcd.stop();
    certificates[Symbol.dispose]();
  });

  it('is reached with authority, certificate and key', async () => {
    const tls = {
      ca: certificates.text('ca.crt'),
      cert: certificates.text('client.crt'),
      key: certificates.text('client.key'),
    };
    await using conclave = await connect(url, { tls });
    await conclave.withLock('x', async (held) => {
      expect((await conclave.txn().if(held.guard()).commit()).succeeded).toBe(true);
    });
  });

  it.each([
    ['no authority that signed the server', () => ({})],
    ['no client certificate', () => ({ ca: certificates.text('ca.crt') })],
  ])('is not reached with %s: UNAVAILABLE, naming the endpoint', async (_title, tls) => {
    const error = await connect(url, { tls: tls(), connectTimeoutMs: 500 }).catch((reason: unknown) => reason);
    expect(ConclaveError.is(error, 'UNAVAILABLE'), String(error)).toBe(true);
    expect((error as Error).message).toContain(url);
  });
});

describeEtcd('etcd with users', () => {
  let etcd: RunningEtcd;

  beforeAll(async () => {
    etcd = await startEtcd();
    for (const args of [
      ['user', 'add', 'root:secret'],
      ['user', 'add', 'ada:lovelace'],
      ['role', 'add', 'locks'],
      ['role', 'grant-permission', 'locks', '--prefix=true', 'readwrite', 'locks/'],
      ['user', 'grant-role', 'ada', 'locks'],
      ['user', 'grant-role', 'root', 'root'],
      ['auth', 'enable'],
    ]) {
      const done = await etcd.etcdctl(args);
      expect(done.code, `${args.join(' ')}: ${done.stderr}`).toBe(0);
    }
  });

  afterAll(() => etcd.stop());

  it('lets a user lock where its role may write', async () => {
    await using conclave = await connect(etcd.url, { username: 'ada', password: 'lovelace' });
    await conclave.withLock('mine', (held) => expect(held.held).toBe(true));
  });

  it('refuses elsewhere with PERMISSION_DENIED, at once and with nothing left', async () => {
    await using conclave = await connect(etcd.url, { username: 'ada', password: 'lovelace' });
    expect(await codeOf(conclave.lock('/elsewhere'))).toBe('PERMISSION_DENIED');
    expect(await codeOf(conclave.election('e').leader())).toBe('PERMISSION_DENIED');
    const left = await etcd.etcdctl(['--user=root:secret', 'get', '--prefix', '/elsewhere', '--keys-only']);
    expect(left).toMatchObject({ stdout: '', code: 0 });
  });

  it('BATCH-8: a call that the store refuses is refused among others, and fails none of them', async () => {
    await using conclave = await connect(etcd.url, { username: 'ada', password: 'lovelace' });
    const calls = [
      conclave.put('locks/one', '1'),
      conclave.put('elsewhere', '2'),
      // etcd before the fix of CVE-2026-33343 lets this one pass if it is nested.
      conclave.txn().if(createdAt('locks/none', 0n)).then(put('elsewhere', '3')).commit(),
      conclave.txn().if(createdAt('locks/none', 0n)).then(put('locks/two', '4')).commit(),
    ];
    const results = await Promise.allSettled(calls);
    const denied = { reason: { code: 'PERMISSION_DENIED', outcome: 'not-applied' } };
    expect(results).toMatchObject([{ status: 'fulfilled' }, denied, denied, { status: 'fulfilled' }]);
    const codes = await Promise.all(['locks/one', 'elsewhere'].map((key) => codeOf(conclave.get(key))));
    expect(codes).toEqual([undefined, 'PERMISSION_DENIED']);
    const left = await etcd.etcdctl(['--user=root:secret', 'get', 'elsewhere']);
    expect(left).toMatchObject({ stdout: '', code: 0 });
  });

  it.each([
    ['a wrong password', { username: 'ada', password: 'byron' }],
    ['an unknown user', { username: 'bob', password: 'lovelace' }],
    ['no user at all', {}],
  ])('refuses %s with UNAUTHENTICATED', async (_title, options) => {
    expect(await codeOf(connect(etcd.url, options))).toBe('UNAUTHENTICATED');
  });

  it('never tells the password in an error', async () => {
    const error = await connect(etcd.url, { username: 'ada', password: 'byron' }).catch((reason: unknown) => reason);
    expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toContain('byron');
  });
});
