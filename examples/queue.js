// Two consumers share a queue; a job that fails comes back, and one that always fails ends among the dead letters, from
// where it is sent again. Jobs of a group are done one at a time; progress and result are told to others; a schedule
// adds a job at each tick.
// Run: node examples/queue.js [memory: | http://127.0.0.1:2379]
import { connect } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');
const queue = conclave.queue('emails', { maxAttempts: 2, backoff: { firstMs: 10, mostMs: 100 } });

await queue.enqueue({ to: 'ada' });
await queue.enqueueAll([{ to: 'bob' }, { to: 'nobody' }]);
await queue.enqueue({ to: 'cleo' }, { priority: 2 });
const first = await queue.enqueue({ to: 'dora' }, { dedupeKey: 'dora/welcome' });
const second = await queue.enqueue({ to: 'dora' }, { dedupeKey: 'dora/welcome' });
console.log(`the same job again: ${second.id === first.id && second.duplicate}`);
console.log(`next is ${(await queue.peek()).payload.to}`);

const stop = new AbortController();
let handled = 0;
const send = async (job) => {
  if (job.payload.to === 'nobody') throw new Error('no such address');
  // What is written while the claim lives is written by nobody else: the guard is a compare inside the same txn.
  const sent = await conclave.txn().if(job.guard()).commit();
  console.log(`sent to ${job.payload.to}: ${sent.succeeded}`);
  handled += 1;
};
const consuming = [1, 2].map(() => queue.consume(send, { concurrency: 4, signal: stop.signal }));

// Until there is nothing but the dead letter.
for (;;) {
  const { ready, delayed, claimed } = await queue.stats();
  if (ready + delayed + claimed === 0) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
stop.abort(new Error('enough'));
await Promise.allSettled(consuming);

const [dead] = await queue.list('dead');
console.log(`${handled} sent; ${dead.payload.to} is a dead letter after ${dead.attempts} attempts: ${dead.reason}`);
await queue.cancel(dead.id);

// One step after the other, whoever works: they are of one group.
const builds = conclave.queue('builds', { maxAttempts: 1 });
const steps = await builds.enqueueAll(['compile', 'test', 'publish'], { group: 'app', keepResultMs: 60_000 });
let [atOnce, most, broken] = [0, 0, true];
const building = new AbortController();
const build = async (job) => {
  most = Math.max(most, ++atOnce);
  await job.updateProgress({ percent: 50 });
  const [{ progress }] = await builds.list('claimed');
  atOnce -= 1;
  if (job.payload === 'publish' && broken) throw new Error('the registry is down');
  return `${job.payload} done, seen at ${progress.percent} %`;
};
const builders = [1, 2].map(() => builds.consume(build, { signal: building.signal }));
for (const { id } of steps) {
  const outcome = await builds.result(id);
  console.log(outcome.state === 'done' ? outcome.result : `${outcome.state}: ${outcome.reason}`);
}
broken = false;
const [{ id }] = await builds.list('dead');
await builds.redrive(id);
console.log(`again: ${(await builds.result(id)).result}; at most ${most} at once`);
building.abort(new Error('enough'));
await Promise.allSettled(builders);

// Every second a job, once, whichever consumer sees to it. A cron expression goes as well: { cron: '0 3 * * *',
// timeZone: 'Europe/Berlin' }
const reports = conclave.queue('reports');
await reports.schedule('each second', { everyMs: 1_000, payload: 'how are we?' });
const ticks = [];
const reporting = new AbortController();
const report = ({ tick }) => {
  ticks.push(tick.atMs);
  if (ticks.length === 2) reporting.abort(new Error('enough'));
};
await Promise.allSettled([1, 2].map(() => reports.consume(report, { signal: reporting.signal })));
console.log(
  `two ticks, each of a whole second, none twice: ${ticks.every((ms) => ms % 1_000 === 0) && ticks[1] > ticks[0]}`,
);
await reports.unschedule('each second');
await conclave.close();
