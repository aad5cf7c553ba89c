// Two candidates; the first leads, steps down, and the second takes over. An observer sees each change, and when
// nobody leads. Run: node examples/election.js [memory: | http://127.0.0.1:2379]
import { connect } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');
const election = conclave.election('scheduler');

const observed = (async () => {
  let changes = 0;
  for await (const leader of election.observe()) {
    console.log(leader === null ? 'nobody leads' : `${leader.value} leads`);
    changes += 1;
    if (leader === null && changes > 1) break;
  }
})();

const first = await election.campaign('host-1');
await first.proclaim('host-1 (warm)');

// Leads whenever it can, until it is told to stop; the lease is kept until the callback has come to an end.
const stop = new AbortController();
const second = election.run(
  'host-2',
  async (leadership) => {
    console.log(`the term has grown: ${leadership.term > first.term}`);
    stop.abort();
  },
  { signal: stop.signal },
);
while ((await election.candidates()).length < 2); // host-2 stands in line now
await first.resign();
await second.catch((error) => {
  if (!stop.signal.aborted) throw error;
});

await observed;
console.log(`candidates left: ${(await election.candidates()).length}`);
await conclave.close();
