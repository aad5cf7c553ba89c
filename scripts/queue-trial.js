// Many jobs, a few worker processes, one of which is killed every two seconds and one stopped for longer than its TTL.
// With --etcd the store is an etcd of its own, which is killed and started again once, in the middle. Every job must be
// done, none lost, and each that was done twice explained by a worker that was killed or stopped, or said that it lost it.
// Run: npm run build && node scripts/queue-trial.js [--jobs 2000] [--workers 5] [--url http://127.0.0.1:2379 | --etcd]
import { fork, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connect } from '../dist/index.js';

const ttlMs = 2_000;
const killEveryMs = 2_000;
const stopForMs = 5_000;
const workMs = 20;
const queueName = `trial-${process.env.QUEUE_TRIAL ?? process.pid}`;
const queueOptions = { maxAttempts: 50, backoff: { firstMs: 50, mostMs: 1_000 } };

if (process.env.QUEUE_TRIAL === undefined) process.exitCode = await trial();
else await worker();

/** Works until it is killed; what it does it writes into a file at once, so that nothing is lost with it. */
async function worker() {
  const { QUEUE_URL, QUEUE_LOG } = process.env;
  const tell = (entry) => appendFileSync(QUEUE_LOG, `${JSON.stringify({ pid: process.pid, ...entry })}\n`);
  const conclave = await connect(QUEUE_URL, { ttlMs });
  process.on('disconnect', () => process.exit());
  await conclave.queue(queueName, queueOptions).consume(
    async (job) => {
      tell({ type: 'begin', job: job.payload, attempt: job.attempt });
      job.signal.addEventListener('abort', () => {
        const { code } = job.signal.reason;
        if (code !== 'RELEASED') tell({ type: 'lost', job: job.payload, attempt: job.attempt, code });
      });
      await sleep(workMs);
      tell({ type: 'done', job: job.payload, attempt: job.attempt, held: job.held });
    },
    { concurrency: 8 },
  );
}

async function trial() {
  const { values } = parseArgs({
    options: {
      jobs: { type: 'string', default: '2000' },
      workers: { type: 'string', default: '5' },
      url: { type: 'string' },
      etcd: { type: 'boolean', default: false },
    },
  });
  const server = values.etcd ? await etcd() : values.url === undefined ? await serve() : { url: values.url };
  const folder = mkdtempSync(join(tmpdir(), 'queue-trial-'));
  const log = join(folder, 'log');
  appendFileSync(log, '');
  try {
    const faults = await run(server, log, Number(values.jobs), Number(values.workers));
    return judge(read(log), faults, Number(values.jobs));
  } finally {
    server.stop?.();
    rmSync(folder, { recursive: true });
  }
}

async function run({ url, restart }, log, jobs, count) {
  const conclave = await connect(url);
  const queue = conclave.queue(queueName, queueOptions);
  const env = { ...process.env, QUEUE_TRIAL: `${process.pid}`, QUEUE_URL: url, QUEUE_LOG: log };
  const start = () => fork(fileURLToPath(import.meta.url), { env });
  const workers = Array.from({ length: count }, start);
  const faults = { killed: [], stopped: [], startedMs: Date.now() };
  let over = false;
  let restarting = restart === undefined;
  const chaos = (async () => {
    while (!over) {
      await sleep(killEveryMs);
      const [victim] = workers.splice(0, 1);
      faults.killed.push(victim.pid);
      victim.kill('SIGKILL');
      workers.push(start());
      if (faults.stopped.length > 0) continue;
      const stopped = workers[1];
      faults.stopped.push(stopped.pid);
      stopped.kill('SIGSTOP');
      void sleep(stopForMs).then(() => stopped.kill('SIGCONT'));
    }
  })();
  for (let i = 0; i < jobs; i += 20) {
    const page = Array.from({ length: Math.min(20, jobs - i) }, (_, k) => i + k);
    await queue.enqueueAll(page, { whenFull: 'wait' });
  }
  for (;;) {
    // In the middle of the work.
    if (!restarting && read(log).length > jobs) {
      restarting = true;
      faults.restarted = await restart();
    }
    const { ready, delayed, claimed, dead } = await queue.stats();
    if (ready + delayed + claimed === 0) {
      faults.dead = dead;
      break;
    }
    await sleep(200);
  }
  over = true;
  faults.tookMs = Date.now() - faults.startedMs;
  await chaos;
  for (const each of workers) each.kill('SIGKILL');
  await conclave.delete(`queues/${queueName}/`, { prefix: true });
  await conclave.close();
  return faults;
}

/** Prints what happened; 1 if a job is missing, or was done again for no reason. */
function judge(entries, { killed, stopped, dead, tookMs, restarted = 0 }, jobs) {
  const byJob = new Map(Array.from({ length: jobs }, (_, job) => [job, []]));
  for (const entry of entries) byJob.get(entry.job).push(entry);
  const hit = new Set([...killed, ...stopped]);
  const lost = [];
  const unexplained = [];
  let redelivered = 0;
  let duplicates = 0;
  let lostBySession = 0;
  for (const [job, told] of byJob) {
    const begun = told.filter(({ type }) => type === 'begin').sort((a, b) => a.attempt - b.attempt);
    const done = told.filter(({ type }) => type === 'done');
    if (done.length === 0) lost.push(job);
    if (done.length > 1) duplicates += done.length - 1;
    const attempts = new Set(begun.map(({ attempt }) => attempt));
    if (attempts.size !== begun.length) unexplained.push(job);
    for (let i = 1; i < begun.length; i++) {
      redelivered += 1;
      const { pid, attempt } = begun[i - 1];
      const saidSo = told.some((each) => each.type === 'lost' && each.pid === pid && each.attempt === attempt);
      if (saidSo) lostBySession += 1;
      if (!saidSo && !hit.has(pid)) unexplained.push(job);
    }
  }
  console.log(
    `${jobs} jobs in ${tookMs} ms; ${killed.length} workers killed, ${stopped.length} stopped, the store restarted ${restarted} times; ` +
      `${lost.length} lost, ${dead} dead letters, ${redelivered} handed out again (${lostBySession} after a worker said that it had lost the job), ${duplicates} done twice, ` +
      `${unexplained.length} unexplained`,
  );
  return lost.length + dead + unexplained.length === 0 ? 0 : 1;
}

function read(log) {
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

async function serve() {
  const cli = fileURLToPath(new URL('../dist/bin/conclave.js', import.meta.url));
  const child = spawn(process.execPath, [cli, 'serve', '--listen', '127.0.0.1:0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await new Promise((resolve) => {
    child.stdout.once('data', (data) => resolve([`${data}`]));
  });
  const port = /:(\d+)/.exec(line)?.[1];
  if (port === undefined) throw new Error(`conclave serve said ${line}`);
  return { url: `http://127.0.0.1:${port}`, stop: () => child.kill() };
}

/** An etcd of its own; `restart` kills it and starts it on the same data, and resolves to 1 once it answers. */
async function etcd() {
  const folder = mkdtempSync(join(tmpdir(), 'queue-trial-etcd-'));
  const [client, peer] = [await freePort(), await freePort()];
  const [url, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const args = ['--data-dir', folder, '--listen-client-urls', url, '--advertise-client-urls', url];
  args.push('--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl);
  args.push('--initial-cluster', `default=${peerUrl}`, '--logger', 'zap', '--log-level', 'error');
  let child;
  const start = async () => {
    child = spawn(process.env.CONCLAVE_TEST_ETCD_BINARY ?? 'etcd', args, { stdio: 'ignore' });
    for (;;) {
      if ((await fetch(`${url}/health`).catch(() => undefined))?.ok) return;
      await sleep(50);
    }
  };
  await start();
  return {
    url,
    async restart() {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      await start();
      return 1;
    },
    stop() {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
