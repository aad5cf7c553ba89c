// Three workers of one process take turns on a lock; the fence grows with each holder.
// Run: node examples/lock.js [memory: | http://127.0.0.1:2379]
import { ConclaveError, connect } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');

let inside = 0;
const first = await conclave.lock('printer');
const turns = ['ada', 'bob', 'cleo'].map((worker) =>
  conclave.withLock('printer', { label: worker }, async (held) => {
    inside += 1;
    if (inside !== 1) throw new Error('two workers at the printer');
    const { holder, waiters } = await conclave.inspectLock('printer');
    console.log(`${worker} prints with fence ${held.fence}; holder ${holder?.label}, ${waiters.length} waiting`);
    inside -= 1;
  }),
);
// Until all of them are in line.
while ((await conclave.inspectLock('printer')).waiters.length < turns.length);
await first.release();
await Promise.all(turns);

// A busy lock is no error for tryLock, and a bounded wait ends with TIMEOUT; neither leaves anything behind.
const held = await conclave.lock('printer');
console.log(`tryLock while held: ${await conclave.tryLock('printer')}`);
try {
  await conclave.lock('printer', { timeoutMs: 50 });
} catch (error) {
  if (!ConclaveError.is(error, 'TIMEOUT')) throw error;
  console.log(`lock with timeout: ${error.code}`);
}

// What the holder writes is written only while it holds: the guard is a compare inside the same txn.
const guarded = await conclave.txn().if(held.guard()).commit();
await held.release();
const late = await conclave.txn().if(held.guard()).commit();
console.log(`guard while held: ${guarded.succeeded}, after the release: ${late.succeeded}`);

await conclave.close();
