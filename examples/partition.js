// Three workers share six queues: each queue is one worker's at a time, and moves when workers come and go.
// Run: node examples/partition.js [memory: | http://127.0.0.1:2379]
import { connect } from 'conclave';

const url = process.argv[2] ?? 'memory:partition';
const queues = ['eu-1', 'eu-2', 'us-1', 'us-2', 'us-3', 'asia'];
const busy = new Set();

const ada = await worker('ada');
await settled(ada, 6);
console.log(`ada alone: ${ada.share.held.length} of ${queues.length}`);

const bob = await worker('bob');
const cleo = await worker('cleo');
await Promise.all([ada, bob, cleo].map((each) => settled(each, 2)));
console.log(`three workers: ${[ada, bob, cleo].map(({ share }) => share.held.length).join(', ')}`);
console.log(`each queue once: ${busy.size === queues.length}`);

const kept = bob.share.held.map(({ name }) => name);
await ada.share.leave();
await Promise.all([bob, cleo].map((each) => settled(each, 3)));
console.log(`ada has left: ${[bob, cleo].map(({ share }) => share.held.length).join(', ')}`);
console.log(`bob kept what it had: ${kept.every((name) => bob.share.holdFor(name) !== undefined)}`);

for (const { conclave, share } of [ada, bob, cleo]) {
  await share.leave();
  await conclave.close();
}

async function worker(id) {
  const conclave = await connect(url);
  const share = await conclave.partition('queues', { items: queues }).join({ id, settleMs: 100 }, work);
  return { conclave, share };
}

/** Goes on until it is told to stop; only then does the queue go to another. */
async function work({ name, signal }) {
  if (busy.has(name)) throw new Error(`two workers at ${name}`);
  busy.add(name);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  busy.delete(name);
}

function settled({ share }, count) {
  return new Promise((resolve) => {
    const look = () => {
      if (share.settled && share.held.length === count) resolve();
    };
    share.events.on('settled', look);
    look();
  });
}
