// A counter with a bound, ids in blocks, and a rate limit that all processes share.
// Run: node examples/counter.js [memory: | http://127.0.0.1:2379]
import { ConclaveError, connect } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');

// Calls that meet go to the store together; each gets a value of its own.
const sold = conclave.counter('tickets', { max: 100n });
const before = (await conclave.range({ prefix: '' })).header.revision;
const values = await Promise.all(Array.from({ length: 100 }, () => sold.increment()));
const writes = (await conclave.range({ prefix: '' })).header.revision - before - 1n;
console.log(`sold: ${await sold.get()}, in ${new Set(values).size} calls of which ${writes} batch`);
try {
  await sold.increment();
} catch (error) {
  if (!ConclaveError.is(error, 'OUT_OF_RANGE')) throw error;
  console.log(`sold out: ${error.code}`);
}

// Two processes would each have a block of 100: one request for a hundred ids, and gaps when a process ends.
const [one, another] = [conclave.sequence('orders', { block: 100 }), conclave.sequence('orders', { block: 100 })];
const ids = [await one.next(), await one.next(), await one.next()];
console.log(`ids: ${ids.join(', ')} and ${await another.next()}; nobody gets one twice`);

// Three at once, then one every 20 ms, however many processes ask.
const limiter = conclave.rateLimiter('mails', { limit: 50, perMs: 1_000, burst: 3 });
const takes = await Promise.all(Array.from({ length: 10 }, () => limiter.take()));
await limiter.wait();
console.log(`allowed at once: ${takes.filter(({ allowed }) => allowed).length}, then after a rest: true`);

await sold.delete();
await conclave.close();
