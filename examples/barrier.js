// Three workers start a job together and end it together; a gate that one closes; a latch that counts what is done.
// Run: node examples/barrier.js [memory: | http://127.0.0.1:2379]
import { ConclaveError, connect } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');

// Nobody begins before all are there, nobody goes on before all are done.
const log = [];
const worker = async (name) => {
  const job = conclave.doubleBarrier('nightly', { parties: 3 });
  await job.enter();
  log.push('begins');
  await job.leave();
  log.push('goes on');
  return name;
};
await Promise.all(['ada', 'bob', 'cleo'].map(worker));
console.log(log.join(', '));

// The same three meet again and again; exactly one of them is the first, and may do what has to be done once.
const step = conclave.cyclicBarrier('steps', { parties: 3 });
for (let round = 1; round <= 2; round++) {
  const places = await Promise.all([step.wait(), step.wait(), step.wait()]);
  console.log(`round ${round}: ${places.filter((place) => place === 0).length} first of ${places.length}`);
}

// While the gate is closed everybody waits; if whoever closed it crashes, they are told.
const gate = conclave.barrier('maintenance');
await gate.raise();
const waiting = gate.wait().then(() => console.log('the gate is open'));
await gate.lift();
await waiting;

// Opens at its count; all who use it say the same count, or are told.
const copied = conclave.countDownLatch('copied', { count: 2 });
console.log(`left: ${await copied.countDown()}, ${await copied.countDown()}`);
await copied.wait();
try {
  await conclave.countDownLatch('copied', { count: 5 }).wait();
} catch (error) {
  if (!ConclaveError.is(error, 'MISMATCH')) throw error;
  console.log(`five: ${error.code}`);
}
await copied.delete();

await conclave.close();
