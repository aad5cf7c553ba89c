// Real time: the scheduler uses its own timers, as in production. Run: node --test scheduler.test.js
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestCluster } from 'conclave/testing';
import { runScheduler } from '../scheduler.js';

test('hands over when the store takes the lease away, and never runs the job twice', async (t) => {
  const cluster = await createTestCluster({ time: 'real' });
  t.after(() => cluster.close());
  const a = await startHost(cluster, 'a');
  await cluster.until(() => a.runs.length >= 2);
  const b = await startHost(cluster, 'b');
  await cluster.until(async () => (await b.conclave.election('scheduler').candidates()).length === 2);

  cluster.expire(a.conclave.session);
  await cluster.until(() => b.runs.length >= 2);
  await Promise.all([a.stop(), b.stop()]);

  const runs = [...a.runs, ...b.runs];
  assert.equal(new Set(runs).size, runs.length);
});

test('leaves nothing behind when it is stopped', async (t) => {
  const cluster = await createTestCluster({ time: 'real' });
  t.after(() => cluster.close());
  const a = await startHost(cluster, 'a');
  await cluster.until(() => a.runs.length >= 1);

  await a.stop();
  await a.conclave.close();
  await cluster.settle();

  const { keys, leases, watches } = cluster.leftBehind({ ignore: ['scheduler/'] });
  assert.deepEqual({ keys, leases, watches }, { keys: [], leases: [], watches: 0 });
});

/** A host with a scheduler; `runs` is what its job was called with. */
async function startHost(cluster, host) {
  const conclave = await cluster.connect({ name: host });
  const runs = [];
  const stopping = new AbortController();
  const done = runScheduler(conclave, {
    host,
    job: (run) => runs.push(run),
    signal: stopping.signal,
    everyMs: 5,
  });
  const stop = () => {
    stopping.abort();
    return done;
  };
  return { conclave, runs, stop };
}
