import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { connect } from '../../src/index.js';
import { http } from '../gateway/support/http-client.js';
import { makeCertificates } from '../support/certificates.js';
import { conclave } from './support/cli.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

it('serve --cert-file --key-file: TLS for gRPC and HTTP; SIGHUP takes new certificates into use', async () => {
  using certificates = makeCertificates();
  using next = makeCertificates();
  const folder = mkdtempSync(join(tmpdir(), 'conclave-serve-'));
  const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const install = (from: typeof certificates) => {
    copyFileSync(from.file('server.crt'), cert);
    copyFileSync(from.file('server.key'), key);
  };
  install(certificates);
  await using server = conclave(['serve', '--listen', '127.0.0.1:0', '--json', '--cert-file', cert, '--key-file', key]);
  const { url } = JSON.parse(await server.line()) as { url: string };
  expect(url).toMatch(/^https:/);
  const client = await connect(url, { tls: { ca: certificates.text('ca.crt') } });
  await client.put('a', 'b');
  install(next);
  const told = new Promise((resolve) => server.child.stderr?.once('data', resolve));
  server.kill('SIGHUP');
  await told;
  expect((await http(`${url}/health`, { tls: { ca: next.text('ca.crt') } })).status).toBe(200);
  expect((await client.get('a'))?.version).toBe(1n);
  await client.close();
  server.kill('SIGTERM');
  const stderr = 'conclave: the TLS certificates have been read again\n';
  expect(await server.ended()).toMatchObject({ code: 0, stderr });
  rmSync(folder, { recursive: true });
});

it('serve --trusted-ca-file --client-cert-auth: only with a certificate, then also beyond this machine', async () => {
  using certificates = makeCertificates();
  const files = ['--cert-file', certificates.file('server.crt'), '--key-file', certificates.file('server.key')];
  const auth = [...files, '--trusted-ca-file', certificates.file('ca.crt'), '--client-cert-auth'];
  await using server = conclave(['serve', '--listen', '0.0.0.0:0', '--json', ...auth]);
  const { url } = JSON.parse(await server.line()) as { url: string };
  const reached = url.replace('localhost', '127.0.0.1');
  const ca = certificates.text('ca.crt');
  await expect(http(`${reached}/health`, { tls: { ca } })).rejects.toThrow();
  const tls = { ca, cert: certificates.text('client.crt'), key: certificates.text('client.key') };
  expect((await http(`${reached}/health`, { tls })).status).toBe(200);
});

it('serve with TLS for everybody: refused beyond this machine, unless insisted on', async () => {
  using certificates = makeCertificates();
  const files = ['--cert-file', certificates.file('server.crt'), '--key-file', certificates.file('server.key')];
  const refused = await conclave(['serve', '--listen', '192.0.2.1:0', ...files]).ended();
  expect(refused).toMatchObject({ code: 3, stdout: '' });
  expect(refused.stderr).toMatch(/^conclave: refusing to listen on .*TLS asks nobody for a certificate.*\n$/);
});

it('serve with a file that cannot be read: exit code 6', async () => {
  const files = ['--cert-file', '/nowhere/a', '--key-file', '/nowhere/b'];
  const refused = await conclave(['serve', '--listen', '127.0.0.1:0', ...files]).ended();
  expect(refused).toMatchObject({ code: 6, stdout: '' });
  expect(refused.stderr).toMatch('cannot read /nowhere/a');
});

it.each([
  [['--cert-file', 'a'], '--cert-file and --key-file go together'],
  [['--key-file', 'a'], '--cert-file and --key-file go together'],
  [['--client-cert-auth', '--cert-file', 'a', '--key-file', 'b'], '--client-cert-auth needs --trusted-ca-file'],
  [['--trusted-ca-file', 'a'], '--trusted-ca-file needs --cert-file and --key-file'],
] as const)('serve %j: exit code 3, with the reason', async (flags, reason) => {
  const refused = await conclave(['serve', '--listen', '127.0.0.1:0', ...flags]).ended();
  expect(refused).toMatchObject({ code: 3, stdout: '' });
  expect(refused.stderr).toMatch(reason);
});
