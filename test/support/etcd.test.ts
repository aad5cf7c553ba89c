import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { dockerImage } from './etcd/docker-engine.js';
import { thisMachine } from './etcd/machine.js';
import { findEtcd, type Machine } from './etcd/source.js';
import { describeEtcd, findEtcd as findHere, startEtcd } from './etcd.js';
import { reasonInTitle } from './skip.js';

/** A machine that has everything; a test takes away what it is about. */
function machine(without: Partial<Machine> = {}): Machine {
  return {
    env: { CONCLAVE_TEST_ETCD: 'http://10.0.0.1:2379' },
    executable: (name) => `/bin/${name}`,
    dockerImage: async () => ({ present: true }),
    unpackPackage: async () => ({ etcd: '/cache/etcd', etcdctl: '/cache/etcdctl' }),
    ...without,
  };
}
const noUrl: Partial<Machine> = { env: {} };
const noDocker: Partial<Machine> = { dockerImage: async () => ({ present: false, why: 'docker: no engine' }) };
const noBinary: Partial<Machine> = { executable: () => undefined };
const noPackage: Partial<Machine> = { unpackPackage: async () => ({ missing: 'no apt-get' }) };

describe('findEtcd looks in this order', () => {
  it('first the running one that $CONCLAVE_TEST_ETCD names', async () => {
    expect(await findEtcd(machine())).toEqual({ kind: 'url', url: 'http://10.0.0.1:2379' });
  });

  it('then docker, also where a running one is named and one to kill is needed', async () => {
    const docker = { kind: 'docker', image: 'conclave-test-etcd:local' };
    expect(await findEtcd(machine(noUrl))).toEqual(docker);
    expect(await findEtcd(machine(), { own: true })).toEqual(docker);
  });

  it('then a binary, $ETCD_BIN before $PATH', async () => {
    const found = { kind: 'binary', etcd: '/bin/etcd', etcdctl: '/bin/etcdctl' };
    expect(await findEtcd(machine({ ...noUrl, ...noDocker }))).toEqual(found);
    expect(await findEtcd(machine({ env: { ETCD_BIN: '/opt/etcd' }, ...noDocker }))).toEqual({
      ...found,
      etcd: '/opt/etcd',
    });
  });

  it("then the distribution's package", async () => {
    expect(await findEtcd(machine({ ...noUrl, ...noDocker, ...noBinary }))).toEqual({
      kind: 'binary',
      etcd: '/cache/etcd',
      etcdctl: '/cache/etcdctl',
    });
  });

  it('and at last says what was missing', async () => {
    expect(await findEtcd(machine({ ...noUrl, ...noDocker, ...noBinary, ...noPackage }))).toEqual({
      missing: 'no etcd found: $CONCLAVE_TEST_ETCD is not set; docker: no engine; no etcd binary on $PATH; no apt-get',
    });
  });

  it('nowhere for CONCLAVE_TEST_ETCD=none, and in one place for $CONCLAVE_TEST_ETCD_SOURCE', async () => {
    expect(await findEtcd(machine({ env: { CONCLAVE_TEST_ETCD: 'none' } }))).toEqual({
      missing: 'CONCLAVE_TEST_ETCD=none',
    });
    expect(await findEtcd(machine({ env: { CONCLAVE_TEST_ETCD_SOURCE: 'binary' } }))).toMatchObject({ kind: 'binary' });
  });
});

describe('this machine', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  it('finds executables in $PATH only, in its order, and no plain files', () => {
    const [plain, first, second] = ['plain', 'first', 'second'].map((name) => {
      const folder = mkdtempSync(join(tmpdir(), `conclave-${name}-`));
      cleanups.push(() => rmSync(folder, { recursive: true }));
      writeFileSync(join(folder, 'etcd'), '#!/bin/sh\n');
      if (name !== 'plain') chmodSync(join(folder, 'etcd'), 0o755);
      return folder;
    });
    expect(thisMachine({ PATH: `${plain}::${first}:${second}` }).executable('etcd')).toBe(`${first}/etcd`);
    expect(thisMachine({ PATH: plain }).executable('etcd')).toBeUndefined();
    expect(thisMachine({}).executable('etcd')).toBeUndefined();
  });

  it('cannot unpack a package without apt-get', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'conclave-cache-'));
    cleanups.push(() => rmSync(cache, { recursive: true }));
    expect(await thisMachine({ PATH: cache }, cache).unpackPackage()).toEqual({
      missing: 'no apt-get and dpkg to fetch the package with',
    });
  });

  it('asks the docker engine for the image, and says why it cannot be used', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/images/there%3Alocal/json' ? 200 : 404;
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await dockerImage('there:local', host)).toEqual({ present: true });
    expect(await dockerImage('other:local', host)).toMatchObject({ why: expect.stringContaining('no image other') });
    await new Promise((resolve) => server.close(resolve));
    expect(await dockerImage('there:local', host)).toMatchObject({ why: expect.stringContaining('ECONNREFUSED') });
    expect(await dockerImage('there:local', 'unix:///nowhere')).toMatchObject({
      why: expect.stringContaining('no engine answers at unix:///nowhere'),
    });
    expect(await dockerImage('there:local', 'ssh://host')).toMatchObject({
      why: expect.stringContaining('cannot read'),
    });
  });
});

describe('a skipped suite', () => {
  it('carries its reason in its title', () => {
    expect(reasonInTitle('locks over etcd [skipped: no etcd found: nothing]')).toBe('no etcd found: nothing');
    expect(reasonInTitle('locks over etcd')).toBeUndefined();
  });
});

describeEtcd('a real etcd of our own', () => {
  it('keeps its data over kill, pause and restart, and is gone after stop', async () => {
    expect(await findHere({ own: true })).not.toHaveProperty('missing');
    await using etcd = await startEtcd();
    expect(etcd.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(await etcd.etcdctl(['put', 'key'], { input: 'value' })).toMatchObject({ stdout: 'OK\n', code: 0 });
    await etcd.kill();
    expect((await etcd.etcdctl(['get', 'key', '--command-timeout=200ms', '--dial-timeout=200ms'])).code).not.toBe(0);
    await etcd.restart();
    await etcd.pause();
    expect((await etcd.etcdctl(['get', 'key', '--command-timeout=200ms', '--dial-timeout=200ms'])).code).not.toBe(0);
    await etcd.resume();
    await etcd.restart();
    expect((await etcd.etcdctl(['get', 'key', '--print-value-only'])).stdout).toBe('value\n');
    await etcd.stop();
    await etcd.stop();
    await expect(fetch(`${etcd.url}/version`)).rejects.toThrow();
  });

  it('tells the last words of one that cannot start', async () => {
    await expect(startEtcd({ args: () => ['--heartbeat-interval=0'] })).rejects.toThrow('ended before it was ready');
  });
});
