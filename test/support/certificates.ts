import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A certificate authority of the test's own, a server certificate for 127.0.0.1 and a client certificate, as files and
 * texts.
 */
export interface Certificates extends Disposable {
  file(name: 'ca.crt' | 'server.crt' | 'server.key' | 'client.crt' | 'client.key'): string;
  text(name: 'ca.crt' | 'server.crt' | 'server.key' | 'client.crt' | 'client.key'): string;
}

/** Made by the openssl command, which every machine with git has. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'conclave-tls-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=test CA');
  for (const name of ['server', 'client']) {
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(folder, 'ext'), 'subjectAltName=IP:127.0.0.1\n');
    const ca = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...ca, '-out', `${name}.crt`, '-days', '2', '-extfile', 'ext');
  }
  return {
    file: (name) => join(folder, name),
    text: (name) => readFileSync(join(folder, name), 'utf8'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
