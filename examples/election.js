// Two candidates; the first leads, steps down, and the second takes over. An observer sees each change, and when nobody leads.
// Run: node examples/election.js [memory: | http://127.0.0.1:2379]
import { connect } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');
const election = conclave.election('scheduler');

const observing = new AbortController();
const seen = (async () => {
  try {
    for await (const leader of election.observe({ signal: observing.signal })) {
      console.log(leader === null ? 'nobody leads' : `${leader.value} leads`);
    }
  } catch (error) {
    if (!observing.signal.aborted) throw error;
  }
})();

const first = await election.campaign('host-1');
await first.proclaim('host-1 (warm)');

// Leads whenever it can, until it is told to stop; the lease is kept until the callback has come to an end.
const stop = new AbortController();
const second = election.run(
  'host-2',
  async (leadership) => {
    console.log(`host-2 leads with a higher term: ${leadership.term > first.term}`);
    stop.abort();
  },
  { signal: stop.signal },
);
await first.resign();
await second.catch((error) => {
  if (!stop.signal.aborted) throw error;
});

console.log(`candidates left: ${(await election.candidates()).length}`);
observing.abort();
await seen;
await conclave.close();
