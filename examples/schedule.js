// Three processes stand ready, and each tick is run by one of them. Here they are three connections.
// Run: node examples/schedule.js [memory:name | http://127.0.0.1:2379]
import { connect } from 'conclave';

const url = process.argv[2] ?? 'memory:schedule';
const stop = new AbortController();
const runs = [];

const stands = ['ada', 'bob', 'cleo'].map(async (name) => {
  const conclave = await connect(url);
  // In earnest { cron: '0 3 * * *', timeZone: 'Europe/Berlin' }.
  const nightly = conclave.schedule('nightly', { everyMs: 1_000, missed: 'skip', maxAttempts: 3 });
  const work = async (run) => {
    runs.push({ name, tick: run.tick.atMs, attempt: run.attempt });
    // The first run fails, and is tried again, by whoever is free.
    if (runs.length === 1) throw new Error('the disk is full');
    // Written only while this run is ours, whatever the clocks say.
    await conclave.txn().if(run.guard()).commit();
    if (runs.length >= 3) stop.abort(new Error('enough'));
  };
  await nightly.run(work, { signal: stop.signal }).catch((error) => {
    if (error !== stop.signal.reason) throw error;
  });
  return conclave;
});

const [conclave, ...others] = await Promise.all(stands);
const [first, again, next] = runs;
console.log(`the first tick was run ${again.attempt} times: ${again.tick === first.tick}`);
console.log(`the next one once, later: ${next.attempt === 1 && next.tick > first.tick}`);
const { failed } = await conclave.schedule('nightly').state();
console.log(`given up: ${failed}`);
await conclave.schedule('nightly').delete();
for (const each of [conclave, ...others]) await each.close();
