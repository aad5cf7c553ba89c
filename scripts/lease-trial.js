// How late leases end, and whether one ever ends early: grants many, hangs a key on each and watches the keys go. Then
// stops the server's process for longer than a lease with a heartbeat on its way, and asks whether that lease is lost.
// Fails if one was early, if one of ours was lost, or if the later 1 % are later than --max-p99-ms.
// Run: npm run build && node scripts/lease-trial.js [--leases 3000] [--ttl 5] [--pauses 10] [--max-p99-ms 50]
//      [--server ours|etcd | --url http://127.0.0.1:2379]
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const dist = new URL(process.env.CONCLAVE_DIST ?? '../dist/', import.meta.url);
const [{ openStore }, { NodeRuntime }, { EventType }, { put }] = await Promise.all(
  ['connect/open-store.js', 'node/node-runtime.js', 'store/messages.js', 'store/ops.js'].map(
    (file) => import(new URL(file, dist).href),
  ),
);

/** Where the data are: how long a disk takes to sync says nothing of leases. */
const inMemory = '/dev/shm';
const concurrency = 32;
const pausedTtlS = 2;
const pauseMs = 3_000;
/** A lease that is still there so long after its end will not go any more. */
const patienceMs = 30_000;

process.exitCode = await trial();

async function trial() {
  const { values } = parseArgs({
    options: {
      leases: { type: 'string', default: '3000' },
      ttl: { type: 'string', default: '5' },
      pauses: { type: 'string', default: '0' },
      'max-p99-ms': { type: 'string', default: 'Infinity' },
      server: { type: 'string', default: 'ours' },
      url: { type: 'string' },
    },
  });
  const server = await serverOf(values);
  const { store, close } = await openStore(server.url, {}, new NodeRuntime());
  try {
    // Connecting is no part of it.
    for (let i = 0; i < 200; i++) await store.range({ key: Buffer.from('lease-trial') });
    const ends = await watchedEnds(store, Number(values.leases), Number(values.ttl));
    const isRight = judge(ends, Number(values['max-p99-ms']));
    return (await survives(store, server, Number(values.pauses))) && isRight ? 0 : 1;
  } finally {
    await close();
    await server.stop();
  }
}

/** Grants `count` leases; resolves with when each was asked for, was there, and was seen to be gone. */
async function watchedEnds(store, count, ttlS) {
  const prefix = `lease-trial/${process.pid}/`;
  const leases = [];
  let [gone, stop] = [0, () => {}];
  const allGone = new Promise((resolve, reject) => {
    const onEvents = (events) => {
      const seenMs = performance.now();
      for (const { type, kv } of events) {
        if (type !== EventType.delete) continue;
        leases[Number(Buffer.from(kv.key).toString().slice(prefix.length))].seenMs = seenMs;
        gone += 1;
      }
      if (gone === count) resolve();
    };
    const [key, rangeEnd] = [prefix, `${prefix.slice(0, -1)}0`].map((text) => Buffer.from(text));
    stop = store.watch({ key, rangeEnd }, { onEvents, onEnd: reject });
  });
  let next = 0;
  const grantMany = async () => {
    for (let i = next++; i < count; i = next++) {
      const lease = { sentMs: performance.now() };
      leases[i] = lease;
      const { id, ttl } = await store.leaseGrant({ ttl: BigInt(ttlS) });
      Object.assign(lease, { grantedMs: performance.now(), ttlMs: Number(ttl) * 1_000 });
      await store.txn({ success: [put(`${prefix}${i}`, '', { leaseId: id })] });
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, grantMany));
    await Promise.race([allGone, sleep(leases[0].ttlMs + patienceMs, undefined, { ref: false })]);
  } finally {
    stop();
  }
  return leases;
}

/**
 * A server may count from any moment between the request and its answer: early is what is gone before the first could
 * be over; lateness is told as what it is at most and, from the answer on, at least, the way of the event included.
 */
function judge(leases, maxP99Ms) {
  const gone = leases.filter(({ seenMs }) => seenMs !== undefined);
  const sorted = (values) => values.sort((a, b) => a - b);
  const atMost = sorted(gone.map(({ sentMs, ttlMs, seenMs }) => seenMs - sentMs - ttlMs));
  const atLeast = sorted(gone.map(({ grantedMs, ttlMs, seenMs }) => Math.max(0, seenMs - grantedMs - ttlMs)));
  const quantile = (values, q) => values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN;
  const early = atMost.filter((each) => each < 0).length;
  const between = (q) => `${quantile(atLeast, q).toFixed(1)} to ${quantile(atMost, q).toFixed(1)} ms`;
  console.log(
    `${leases.length} leases: ${early} early, ${leases.length - gone.length} never ended; ` +
      `late by p50 ${between(0.5)}, p99 ${between(0.99)}, max ${between(1)}`,
  );
  return early === 0 && gone.length === leases.length && quantile(atMost, 0.99) <= maxP99Ms;
}

/** Whether no lease was lost to a pause of the server while a heartbeat was on its way. */
async function survives(store, { pid, isOurs }, pauses) {
  if (pauses === 0) return true;
  if (pid === undefined) throw new Error('--pauses needs a server that this starts: no --url');
  let lost = 0;
  for (let round = 0; round < pauses; round++) {
    const { id } = await store.leaseGrant({ ttl: BigInt(pausedTtlS) });
    process.kill(pid, 'SIGSTOP');
    const heartbeat = store.leaseKeepAlive({ id });
    await sleep(pauseMs);
    process.kill(pid, 'SIGCONT');
    if ((await heartbeat).ttl <= 0n) lost += 1;
  }
  console.log(`paused ${pauses} times for ${pauseMs} ms over a TTL of ${pausedTtlS} s: ${lost} leases lost`);
  return lost === 0 || !isOurs;
}

async function serverOf({ server, url }) {
  if (url !== undefined) return { url, isOurs: true, stop: async () => {} };
  const dir = mkdtempSync(join(existsSync(inMemory) ? inMemory : tmpdir(), 'lease-trial-'));
  const [port, peerPort] = await freePorts();
  const [clientUrl, peerUrl] = [port, peerPort].map((each) => `http://127.0.0.1:${each}`);
  const cli = fileURLToPath(new URL('cli/main.js', dist));
  const commands = {
    ours: [process.execPath, cli, 'serve', '--listen', `127.0.0.1:${port}`, '--data', join(dir, 'data')],
    etcd: [
      ...['etcd', '--data-dir', join(dir, 'data'), '--listen-client-urls', clientUrl],
      ...['--advertise-client-urls', clientUrl, '--listen-peer-urls', peerUrl],
      ...['--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `default=${peerUrl}`],
    ],
  };
  const [file, ...args] = commands[server];
  const child = spawn(file, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill();
    await ended;
    rmSync(dir, { recursive: true });
  };
  await answers(clientUrl);
  return { url: clientUrl, pid: child.pid, isOurs: server === 'ours', stop };
}

async function freePorts() {
  const servers = [0, 1].map(() => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((each) => new Promise((resolve) => each.once('listening', resolve))));
  const ports = servers.map((each) => each.address().port);
  await Promise.all(servers.map((each) => new Promise((resolve) => each.close(resolve))));
  return ports;
}

async function answers(url) {
  for (let tries = 100; ; tries--) {
    const response = await fetch(`${url}/health`).catch(() => undefined);
    if (response?.ok) return;
    if (tries === 0) throw new Error(`${url} does not answer`);
    await sleep(100);
  }
}
