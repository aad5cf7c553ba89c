// A key that is there as long as this process: it goes with the process, and comes back whatever happens to it.
// Run: node examples/ephemeral.js [memory: | http://127.0.0.1:2379]
import { once } from 'node:events';
import { ConclaveError, connect } from 'conclave';

const url = process.argv[2] ?? 'memory:ephemeral-example';
const [worker, other] = [await connect(url), await connect(url)];

const here = await worker.ephemeral('workers/7', 'idle');
console.log(`${here.key} is ${here.status}`);
await here.update('busy');

// Somebody deletes it: it is put there again.
const back = new Promise((resolve) => here.events.on('status', (status) => status === 'kept' && resolve(status)));
await other.delete('workers/7');
await back;
console.log(`deleted, and back: ${Buffer.from((await other.get('workers/7')).value)}`);

// It is never put over what is another's.
try {
  await other.ephemeral('workers/7', 'mine');
} catch (error) {
  if (!ConclaveError.is(error, 'CONFLICT')) throw error;
  console.log(`the same key for another: ${error.code}`);
}
const taken = once(here.signal, 'abort');
const next = await other.ephemeral('workers/7', 'mine', { takeOver: true });
await taken;
console.log(`taken over: ${here.status}, ${here.signal.reason.code}`);

await next.delete();
console.log(`deleted by its keeper: ${await worker.get('workers/7')}`);
await worker.close();
await other.close();
