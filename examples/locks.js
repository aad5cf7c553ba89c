// Readers and writers, a semaphore, several locks at once, and a lock that is taken once more by its holder.
// Run: node examples/locks.js [memory: | http://127.0.0.1:2379]
import { ConclaveError, connect } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');

// Many read, one writes; whoever writes may go on as a reader, with nobody writing in between.
const page = conclave.rwLock('page');
const [ada, bob] = [await page.read(), await page.read()];
console.log(`two read: ${ada.held && bob.held}; a writer meanwhile: ${await page.tryWrite()}`);
await ada.release();
await bob.release();
const editor = await page.write();
await editor.downgrade();
const cleo = await page.tryRead();
console.log(`the editor only reads now: ${editor.mode}; cleo reads beside: ${cleo?.held}`);
await editor.release();
await cleo?.release();

// At most three permits are out; one worker may take several. Everyone says the same number, or is told.
const crew = conclave.semaphore('crew', { permits: 3 });
const heavy = await crew.acquire({ permits: 2 });
console.log(`two more: ${await crew.tryAcquire({ permits: 2 })}`);
await crew.setPermits(4);
const second = await crew.tryAcquire({ permits: 2 });
console.log(`two more of four: ${second?.held}; free: ${(await crew.inspect()).available}`);
try {
  await conclave.semaphore('crew', { permits: 9 }).acquire();
} catch (error) {
  if (!ConclaveError.is(error, 'MISMATCH')) throw error;
  console.log(`nine: ${error.code}`);
}
await heavy.release();
await second?.release();
await crew.delete();

// All or nothing; two callers with the names the other way round never wait for each other for ever.
const transfer = (from, to) =>
  conclave.lockAll([from, to, { read: 'rates' }], { timeoutMs: 5_000 }).then(async (held) => {
    const booked = await conclave.txn().if(held.guard()).commit();
    await held.release();
    return booked.succeeded;
  });
console.log(`transfers: ${await Promise.all([transfer('alice', 'bob'), transfer('bob', 'alice')])}`);

// Never by accident, only by handing over what one holds.
const outer = await conclave.lock('printer', { maxHoldMs: 60_000 });
const inner = await conclave.lock('printer', { within: outer });
console.log(
  `once more, the same fence: ${inner.fence === outer.fence}; by accident: ${await conclave.tryLock('printer')}`,
);
await inner.release();
await outer.release();

await conclave.close();
