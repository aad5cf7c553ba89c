import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { type Conclave, connect } from '../../src/index.js';
import { Prng } from '../../src/sim/prng.js';
import { maintenanceMethods } from '../../src/wire/admin-methods.js';
import { describeSkipped } from '../support/skip.js';
import { checkWriters, newWriters, type Writer, writeUntilGone } from './support/acknowledged.js';
import { conclave } from './support/cli.js';

/** `CONCLAVE_KILL_ROUNDS=1000` does as many. */
const rounds = Number(process.env.CONCLAVE_KILL_ROUNDS ?? 5);

vi.setConfig({ testTimeout: Math.max(90_000, rounds * 10_000) });

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'conclave-data-'));
});

afterEach(() => rm(dir, { recursive: true }));

const serving = ['serve', '--listen', '127.0.0.1:0', '--json', '--data'];

async function serve(...flags: string[]) {
  const server = conclave([...serving, dir, ...flags]);
  const { url } = JSON.parse(await server.line()) as { url: string };
  return { server, url };
}

it.each([
  ['', []],
  [' --unsafe-no-fsync', ['--unsafe-no-fsync']],
])(`serve --data%s: nothing acknowledged is lost by kill -9 under load (${rounds} rounds)`, async (_name, flags) => {
  const random = new Prng(rounds);
  const all = newWriters(8);
  let acknowledged = 0;
  for (let round = 0; round <= rounds; round++) {
    const { server, url } = await serve('--checkpoint-bytes', '50000', ...flags);
    await using _server = server;
    await using client = await connect(url);
    await checkWriters(client, all);
    if (round === rounds) break;
    let left = 50 + random.below(400);
    const onAcknowledged = () => {
      acknowledged += 1;
      left -= 1;
      if (left === 0) server.kill('SIGKILL');
    };
    await Promise.all(all.map((writer) => writeUntilGone(client, writer, onAcknowledged)));
  }
  expect(acknowledged).toBeGreaterThanOrEqual(rounds * 50);
  expect((await readdir(dir)).some((name) => name.endsWith('.checkpoint'))).toBe(true);
});

it('serve --data: says where, refuses a second, keeps all over a restart, names damage', async () => {
  const first = conclave(['serve', '--listen', '127.0.0.1:0', '--data', dir]);
  const line = await first.line();
  expect(line).toMatch(new RegExp(`^conclave: serving etcd's v3 API on http://127\\.0\\.0\\.1:\\d+ \\(${dir}\\)$`));
  const second = await conclave([...serving, dir]).ended();
  expect(second).toMatchObject({ code: 6, stdout: '' });
  expect(second.stderr).toContain(`conclave: ${dir} is in use by process ${first.child.pid}`);
  const client = await connect(/http:\S+/.exec(line)?.[0]);
  await client.put('a', 'b');
  await client.close();
  first.kill('SIGTERM');
  expect(await first.ended()).toMatchObject({ code: 0, stderr: '' });
  const again = await serve();
  await using reader = await connect(again.url);
  expect((await reader.get('a'))?.modRevision).toBe(2n);
  await reader.close();
  again.server.kill('SIGTERM');
  await again.server.ended();
  await truncate(join(dir, '0000000001.log'), 30);
  const broken = await conclave([...serving, dir]).ended();
  expect(broken).toMatchObject({ code: 6, stdout: '' });
  expect(broken.stderr).toMatch(/0000000001\.log is damaged at byte 0: its header is cut off\. Restore the directory/);
});

it('serve --data: says so when it cuts off what was never finished', async () => {
  const { server, url } = await serve();
  const client = await connect(url);
  await client.put('a', 'b');
  await client.put('c', 'd');
  await client.close();
  server.kill('SIGTERM');
  await server.ended();
  // The closing record and some of the last batch.
  await truncate(join(dir, '0000000001.log'), 64 + 2 * 20 + 30);
  const again = await serve();
  await using reader = await connect(again.url);
  expect((await reader.get('a'))?.modRevision).toBe(2n);
  await reader.close();
  again.server.kill('SIGTERM');
  expect((await again.server.ended()).stderr).toMatch(/cut off \d+ bytes of a last write that had not finished/);
});

/** A disk of 2 MB, if this user may mount one. */
const small = mkdtempSync(join(tmpdir(), 'conclave-small-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', small]).status === 0;

afterAll(() => {
  if (mounted) spawnSync('umount', [small]);
  rmSync(small, { recursive: true });
});

const fullDisk = () => {
  it('serve --data: on a full disk puts are refused and reads served; with room and no alarm all goes on', async () => {
    const data = join(small, 'reserved');
    const filler = join(small, 'filler');
    await writeFile(filler, Buffer.alloc(1_000_000));
    const server = conclave([...serving, data, '--reserve-bytes', '300000']);
    await using _server = server;
    const { url } = JSON.parse(await server.line()) as { url: string };
    await using client = await connect(url);
    const channel = new H2Channel({ address: url.replace('http://', '') });
    const alarm = (action: number, memberId = 0n) =>
      channel.unary(maintenanceMethods.alarm, { action, memberId, alarm: action === 0 ? 0 : 1 }, {});
    const value = 'x'.repeat(20_000);
    let acknowledged = 0;
    let refused: unknown;
    // Bounded by the disk.
    while (refused === undefined) {
      await client.put('k', `${acknowledged + 1} ${value}`).then(
        () => {
          acknowledged += 1;
        },
        (error: unknown) => {
          refused = error;
        },
      );
    }
    expect(acknowledged).toBeGreaterThan(10);
    // etcd says the same of what it has done: a client cannot tell whose words they are.
    expect(refused).toMatchObject({ code: 'RESOURCE_EXHAUSTED', outcome: 'unknown' });
    const inK = async (from: Conclave) => Number.parseInt((await from.get('k'))?.value.toString() ?? '', 10);
    expect(await inK(client)).toBe(acknowledged);
    const { alarms } = await alarm(0);
    expect(alarms).toMatchObject([{ alarm: 1 }]);
    await client.delete('nothing');
    await expect(alarm(2, alarms[0]?.memberId)).rejects.toThrow('mvcc: database space exceeded');
    await rm(filler);
    await expect(client.put('k', 'still refused')).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await alarm(2, alarms[0]?.memberId);
    await client.put('k', `${acknowledged + 1}`);
    await channel.close();
    server.kill('SIGKILL');
    await server.ended();
    const again = conclave([...serving, data, '--reserve-bytes', '300000']);
    await using _again = again;
    const { url: newUrl } = JSON.parse(await again.line()) as { url: string };
    await using reader = await connect(newUrl);
    expect(await inK(reader)).toBe(acknowledged + 1);
    again.kill('SIGTERM');
    await again.ended();
    await rm(data, { recursive: true });
  });

  it('serve --data --reserve-bytes 0: a full disk ends it in order; all acknowledged is there after', async () => {
    const data = join(small, 'data');
    const filler = join(small, 'filler');
    await writeFile(filler, Buffer.alloc(1_000_000));
    const server = conclave([...serving, data, '--reserve-bytes', '0']);
    await using _server = server;
    const { url } = JSON.parse(await server.line()) as { url: string };
    const client = await connect(url);
    const writer: Writer = { key: 'k', sent: 0, acknowledged: 0, revision: 0n };
    const value = 'x'.repeat(20_000);
    let refused: unknown;
    // Bounded by the disk.
    while (refused === undefined) {
      writer.sent += 1;
      try {
        await client.put('k', `${writer.sent} ${value}`);
        writer.acknowledged = writer.sent;
      } catch (error) {
        refused = error;
      }
    }
    expect(refused).toMatchObject({ outcome: 'unknown' });
    await client.close();
    const ended = await server.ended();
    expect(ended.code).toBe(6);
    expect(ended.stderr).toMatch(/0000000001\.log failed: the disk is full: make room and start again \(ENOSPC/);
    await rm(filler);
    const again = conclave([...serving, data, '--reserve-bytes', '0']);
    await using _again = again;
    const { url: newUrl } = JSON.parse(await again.line()) as { url: string };
    await using reader = await connect(newUrl);
    const found = await reader.get('k');
    expect(Number.parseInt(Buffer.from(found?.value ?? []).toString(), 10)).toBe(writer.acknowledged);
    await reader.put('k', 'there is room');
  });
};
if (mounted) fullDisk();
else describeSkipped('serve --data on a full disk', 'this user may not mount a tmpfs', fullDisk);

it('serve --unsafe-no-fsync: warns, and needs --data', async () => {
  await using server = conclave([...serving, dir, '--unsafe-no-fsync']);
  await server.line();
  server.kill('SIGTERM');
  expect(await server.ended()).toMatchObject({
    code: 0,
    stderr: 'conclave: warning: --unsafe-no-fsync: a power cut may take acknowledged writes, or spoil the store\n',
  });
  expect(await conclave(['serve', '--listen', '127.0.0.1:0', '--unsafe-no-fsync']).ended()).toMatchObject({ code: 3 });
});
