// The README's example. Run: node examples/quickstart.js [memory: | http://127.0.0.1:2379]
import { connect, put } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');

await conclave.withLock('orders/42', async (held) => {
  console.log(`order 42 is ours until we let go; fence ${held.fence}`);
  const paid = await conclave.txn().if(held.guard()).then(put('orders/42/state', 'paid')).commit();
  console.log(paid.succeeded ? 'paid, and only while we held the lock' : 'lost the lock: nothing was written');
});

const leadership = await conclave.election('scheduler').campaign('host-7');
console.log(`host-7 leads in term ${leadership.term}`);
await leadership.resign();

await conclave.close();
