// Two consumers share a queue; a job that fails comes back, and one that always fails ends among the dead letters.
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
await conclave.close();
