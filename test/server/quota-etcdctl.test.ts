import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import type { RunningEtcd } from '../support/etcd/running.js';
import { findEtcd, startEtcd } from '../support/etcd.js';
import { describeEtcdctl, etcdctlWith } from './support/etcdctl.js';
import { type Command, command, transcript } from './support/transcript.js';

const quotaBytes = 16 * 1024 * 1024;
const etcdFound = await findEtcd({ own: true });

/** What there is to be said once there is no room any more; the revision is the same on both servers. */
const fullScript: readonly Command[] = [
  'alarm list',
  'put k small',
  'lease grant 10',
  'get k --count-only -w fields',
  'del nothing',
].map(command);
const txnPut: Command = { line: 'txn', input: '\n\nput k small\n\n\n' };
const txnGet: Command = { line: 'txn', input: '\n\nget nothing\n\n\n' };

describeEtcdctl('etcdctl on a server without room', (binary) => {
  const etcdctl = etcdctlWith(binary);
  let server: Server;
  let etcd: RunningEtcd | undefined;
  const dir = mkdtempSync(join(tmpdir(), 'conclave-snapshot-'));

  beforeAll(async () => {
    server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 }, quotaBytes });
    const args = () => [`--quota-backend-bytes=${quotaBytes}`];
    if (!('missing' in etcdFound)) etcd = await startEtcd({ args });
  }, 60_000);
  afterAll(async () => {
    rmSync(dir, { recursive: true, force: true });
    await server.close();
    await etcd?.stop();
  });

  it('says the same as on real etcd: full, alarm, room again', { timeout: 120_000 }, async ({ skip }) => {
    const answers = async (url: string) => {
      const value = 'x'.repeat(1_400_000);
      let refusal = '';
      for (let i = 0; i < 20 && refusal === ''; i++) {
        const { code, stderr } = await etcdctl(url, ['put', 'k'], value);
        if (code !== 0) refusal = stderr.split('\n').find((line) => line.startsWith('Error')) ?? stderr;
      }
      const full = await transcript(etcdctl, url, [...fullScript, txnPut, txnGet]);
      const { stdout } = await etcdctl(url, ['get', 'k', '-w', 'json']);
      const revision = String(JSON.parse(stdout).header.revision);
      await etcdctl(url, ['compaction', revision]);
      const after = await transcript(
        etcdctl,
        url,
        ['defrag', 'alarm disarm', 'alarm list', 'put k small'].map(command),
      );
      // The bytes that a value takes differ, and with them the revision; a txn that reads tells it.
      const shown = (text: string) =>
        text.replaceAll(/("Revision" : )\d+/g, '$1<revision>').replaceAll(/memberID:\d+/g, 'memberID:<id>');
      return [refusal, ...full, ...after].map(shown);
    };
    const ours = await answers(server.url.replace('http://', ''));
    expect(ours[0]).toBe('Error: etcdserver: mvcc: database space exceeded');
    if (etcd === undefined) return skip('missing' in etcdFound ? etcdFound.missing : 'no etcd');
    expect(ours).toEqual(await answers(etcd.url.replace('http://', '')));
  });

  it('saves a snapshot that is whole, and tells status and hashes', { timeout: 60_000 }, async () => {
    const url = server.url.replace('http://', '');
    const file = join(dir, 'snapshot');
    const { stderr, code } = await etcdctl(url, ['snapshot', 'save', file]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('saved')]);
    const saved = await etcdctl(url, ['snapshot', 'status', file, '-w', 'json']);
    expect(JSON.parse(saved.stdout)).toMatchObject({ revision: Number(server.host.stats().revision) });
    const status = JSON.parse((await etcdctl(url, ['endpoint', 'status', '-w', 'json'])).stdout);
    expect(status[0].Status).toMatchObject({ version: '3.5.30', dbSize: server.host.engine.space.bytes.kept });
    const hashes = JSON.parse((await etcdctl(url, ['endpoint', 'hashkv', '-w', 'json'])).stdout);
    expect(hashes[0].HashKV.hash).toBeGreaterThan(0);
    const members = await etcdctl(url, ['member', 'list']);
    expect(members.stdout).toMatch(/^[0-9a-f]+, started, conclave, , http:\/\/127\.0\.0\.1:\d+, false\n$/);
  });
});
