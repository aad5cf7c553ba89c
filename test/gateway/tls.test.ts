import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/index.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { readTlsFiles, watchTlsFiles } from '../../src/server/net/tls-files.js';
import { type ServerOptions, startServer } from '../../src/server/server.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { eventually } from '../server/support/wait.js';
import { type Certificates, makeCertificates } from '../support/certificates.js';
import { executable } from '../support/etcd/machine.js';
import { expectNoLeaks } from '../support/leaks.js';
import { describeSkipped } from '../support/skip.js';
import { base64, http } from './support/http-client.js';

const listen = { host: '127.0.0.1', port: 0 };
const curl = executable('curl', process.env.PATH);

describe('TLS', () => {
  expectNoLeaks();
  let certificates: Certificates;
  beforeAll(() => {
    certificates = makeCertificates();
  });
  afterAll(() => certificates[Symbol.dispose]());
  const files = () => ({ certFile: certificates.file('server.crt'), keyFile: certificates.file('server.key') });
  const ca = () => certificates.text('ca.crt');
  const client = () => ({ cert: certificates.text('client.crt'), key: certificates.text('client.key') });
  const serve = (more: Partial<ServerOptions> = {}, clients: { requireClientCert?: boolean; ca?: string } = {}) =>
    startServer({ runtime: new NodeRuntime(), listen, tls: { ...readTlsFiles(files()), ...clients }, ...more });

  it.each(['own', 'node'] as const)('gRPC, HTTP/1.1 and the gateway on HTTP/2 (%s) share the port', async (http2) => {
    const server = await serve({ http2 });
    expect(server.url).toMatch(/^https:/);
    const conclave = await connect(server.url, { tls: { ca: ca() } });
    await conclave.put('a', 'by gRPC');
    await conclave.close();
    const range = JSON.stringify({ key: base64('a') });
    const http1 = await http(`${server.url}/v3/kv/range`, { body: range, tls: { ca: ca() } });
    expect(JSON.parse(http1.text)).toMatchObject({ kvs: [{ value: base64('by gRPC') }] });
    const session = connectHttp2(server.url, { ca: ca() });
    const stream = session.request({ ':method': 'POST', ':path': '/v3/kv/range' });
    stream.end(range);
    expect(JSON.parse(await text(stream))).toEqual(JSON.parse(http1.text));
    const health = session.request({ ':path': '/health' });
    expect(await text(health)).toBe('{"health":"true","reason":""}');
    const watch = session.request({ ':method': 'POST', ':path': '/v3/watch' });
    watch.write(JSON.stringify({ create_request: { key: base64('a') } }));
    const lines = watch.setEncoding('utf8')[Symbol.asyncIterator]();
    expect(JSON.parse(String((await lines.next()).value))).toMatchObject({ result: { created: true } });
    const foreign = session.request({ ':method': 'POST', ':path': '/v3/kv/put', origin: 'https://evil.example' });
    foreign.end('{}');
    expect(await text(foreign)).toMatch('another origin');
    await server.close();
    expect(JSON.parse(String((await lines.next()).value))).toMatchObject({ error: { grpc_code: 14 } });
    session.destroy();
  });

  it('goes by the names in its certificate, and by no others', async () => {
    const server = await serve();
    const ask = (host: string) =>
      http(`${server.url}/health`, { headers: { host }, tls: { ca: ca(), servername: '' } });
    expect((await ask('127.0.0.1')).status).toBe(200);
    expect((await ask('evil.example')).status).toBe(421);
    await server.close();
  });

  it('plain text, half a handshake and old versions get nothing', async () => {
    const runtime = new SimRuntime();
    const server = await serve({ runtime });
    await expect(http(server.url.replace('https', 'http'))).rejects.toThrow();
    const { connect: connectSocket } = await import('node:net');
    const silent = connectSocket(server.port, '127.0.0.1');
    await eventually(() => runtime.pendingTimers === 1);
    await runtime.advance(5_000);
    await new Promise((resolve) => silent.once('close', resolve).resume());
    await expect(
      handshake(server.port, { ca: ca(), maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    ).rejects.toThrow();
    await eventually(() => runtime.pendingTimers === 0);
    await server.close();
  });

  it('turns clients away that have no certificate, or one of somebody else', async () => {
    const server = await serve({}, { ca: ca() });
    using others = makeCertificates();
    const stranger = { cert: others.text('client.crt'), key: others.text('client.key') };
    for (const given of [{}, stranger]) {
      await expect(http(`${server.url}/health`, { tls: { ca: ca(), ...given } })).rejects.toThrow();
    }
    expect((await http(`${server.url}/health`, { tls: { ca: ca(), ...client() } })).status).toBe(200);
    const conclave = await connect(server.url, { tls: { ca: ca(), ...client() } });
    await conclave.put('a', 'b');
    await conclave.close();
    await server.close();
  });

  it('with requireClientCert: false a client may have none, but not a false one', async () => {
    const server = await serve({}, { ca: ca(), requireClientCert: false });
    using others = makeCertificates();
    const stranger = { cert: others.text('client.crt'), key: others.text('client.key') };
    expect((await http(`${server.url}/health`, { tls: { ca: ca() } })).status).toBe(200);
    await expect(http(`${server.url}/health`, { tls: { ca: ca(), ...stranger } })).rejects.toThrow();
    await server.close();
  });

  it('certificates that cannot be used, or count for everybody, are refused at the start', async () => {
    const { cert, key } = readTlsFiles(files());
    const bad = [
      { cert, key: 'no key' },
      { cert, key: client().key },
      { cert, key, requireClientCert: true },
    ];
    for (const tls of bad) {
      await expect(startServer({ runtime: new NodeRuntime(), listen, tls })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    expect(() => readTlsFiles({ ...files(), keyFile: '/nowhere' })).toThrow(/cannot read \/nowhere/);
  });

  it('new certificates count for later connections; ones that cannot be used change nothing', async () => {
    const server = await serve();
    using next = makeCertificates();
    const open = await handshake(server.port, { ca: ca() });
    const nextFiles = { certFile: next.file('server.crt'), keyFile: next.file('server.key') };
    expect(() => server.replaceCertificates(readTlsFiles({ ...files(), certFile: nextFiles.certFile }))).toThrow();
    await server.replaceCertificates(readTlsFiles(nextFiles));
    expect((await http(`${server.url}/health`, { tls: { ca: next.text('ca.crt') } })).status).toBe(200);
    await expect(http(`${server.url}/health`, { tls: { ca: ca() } })).rejects.toThrow();
    open.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(await text(open)).toMatch(/^HTTP\/1\.1 200/);
    await server.close();
  });

  it('files are looked at every 5 s', async () => {
    const runtime = new SimRuntime();
    const folder = mkdtempSync(join(tmpdir(), 'conclave-reload-'));
    const [certFile, keyFile] = [join(folder, 'a.crt'), join(folder, 'a.key')];
    copyFileSync(files().certFile, certFile);
    copyFileSync(files().keyFile, keyFile);
    let changes = 0;
    const stop = watchTlsFiles(runtime, { certFile, keyFile }, () => {
      changes += 1;
    });
    await runtime.advance(10_000);
    expect(changes).toBe(0);
    rmSync(certFile);
    copyFileSync(certificates.file('client.crt'), certFile);
    await runtime.advance(5_000);
    expect(changes).toBe(1);
    await runtime.advance(5_000);
    expect(changes).toBe(1);
    stop();
    expect(runtime.pendingTimers).toBe(0);
    rmSync(folder, { recursive: true });
  });

  const withCurl = (title: string, fn: () => Promise<void>) =>
    curl === undefined ? describeSkipped(title, 'no curl on $PATH', () => it(title, fn)) : it(title, fn);

  withCurl('curl, which speaks HTTP/2 with TLS, writes what gRPC reads', async () => {
    const server = await serve();
    const data = JSON.stringify({ key: base64('a'), value: base64('by curl') });
    const args = ['-sS', '--cacert', certificates.file('ca.crt'), '-w', '%{http_version}', '-d', data];
    const { stdout } = await promisify(execFile)(curl ?? 'curl', [...args, `${server.url}/v3/kv/put`]);
    expect(stdout).toMatch(/^\{"header":\{.*\}\}2$/);
    const conclave = await connect(server.url, { tls: { ca: ca() } });
    expect((await conclave.get('a'))?.value.toString()).toBe('by curl');
    await conclave.close();
    await server.close();
  });
});

function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', ...options }, () => resolve(socket));
    socket.once('error', reject);
  });
}
