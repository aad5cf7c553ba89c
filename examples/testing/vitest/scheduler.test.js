// Simulated time: a lost lease of 10 s costs no second, and the same seed plays the same again.
import { createTestCluster } from 'conclave/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runScheduler } from '../scheduler.js';

/** @type {import('conclave/testing').TestCluster} */
let cluster;
/** @type {AbortController} */
let stop;
/** What schedulers have ended with that should not end. */
let failures;

beforeEach(async () => {
  cluster = await createTestCluster({ seed: Number(process.env.SEED ?? 1) });
  stop = new AbortController();
  failures = [];
});

afterEach(async () => {
  stop.abort();
  await cluster.close();
  expect(failures).toEqual([]);
});

/** A host with a scheduler; `runs` is what its job was called with. */
async function startHost(host) {
  const conclave = await cluster.connect({ name: host, ttlMs: 10_000 });
  const runs = [];
  runScheduler(conclave, {
    host,
    job: (run) => runs.push(run),
    signal: stop.signal,
    everyMs: 1000,
    sleep: (ms, signal) => cluster.sleep(conclave, ms, { signal }),
  }).catch((error) => failures.push(error));
  return { conclave, runs };
}

/** Two hosts, of which the first leads and the second waits. */
async function startTwo() {
  const a = await startHost('a');
  await cluster.until(() => a.runs.length === 2);
  const b = await startHost('b');
  await cluster.until(async () => (await b.conclave.election('scheduler').candidates()).length === 2);
  return { a, b };
}

it('hands over when the leader is cut off, and never runs the job twice', async () => {
  const { a, b } = await startTwo();

  cluster.partition(a.conclave);
  await cluster.until(() => b.runs.length === 2);

  const runsOfA = a.runs.length;
  cluster.heal();
  await cluster.advance(60_000);
  expect(a.runs).toHaveLength(runsOfA);
  expect(new Set([...a.runs, ...b.runs]).size).toBe(a.runs.length + b.runs.length);
});

it('does not run the job when the process stood still for longer than its lease', async () => {
  const { a, b } = await startTwo();

  cluster.pause(a.conclave, 30_000);
  await cluster.until(() => b.runs.length === 5);
  const runsOfA = [...a.runs];
  await cluster.advance(60_000); // a is awake again, and no leader

  expect(a.runs).toEqual(runsOfA);
  expect(b.runs.length).toBeGreaterThan(60);
});

it('goes on leading when the store restarts', async () => {
  const { a, b } = await startTwo();

  cluster.restartServer({ downMs: 3000 });
  await cluster.advance(20_000);

  expect(a.runs.length).toBeGreaterThan(15);
  expect(b.runs).toEqual([]);
});

it('is taken over when the leader dies', async () => {
  const { a, b } = await startTwo();

  cluster.crash(a.conclave);
  await cluster.until(() => b.runs.length === 1);

  expect(b.runs[0]).toBeGreaterThan(a.runs.at(-1));
});
