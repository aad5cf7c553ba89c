// How late leases end, and whether one ever ends early: grants many, hangs a key on each and watches the keys go. Then
// stops the server's process for longer than a lease with a heartbeat on its way, and asks whether that lease is lost.
// Fails if one was early, if one of ours was lost, or if the later 1 % are later than --max-p99-ms.
// Run: npm run build && node scripts/lease-trial.js [--leases 3000] [--ttl 5] [--pauses 10] [--max-p99-ms 50]
//      [--server ours|etcd | --url http://127.0.0.1:2379]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { dist, startServer } from './trial-server.js';

const [{ openStore }, { NodeRuntime }, { EventType }, { put }] = await Promise.all(
  ['connect/open-store.js', 'node/node-runtime.js', 'store/messages.js', 'store/ops.js'].map(
    (file) => import(new URL(file, dist).href),
  ),
);

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

/** Its data are in memory: how long a disk takes to sync says nothing of leases. */
function serverOf({ server, url }) {
  if (url !== undefined) return { url, isOurs: true, stop: async () => {} };
  return startServer(server, { inMemory: true });
}
