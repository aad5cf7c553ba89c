// Three workers want to lead one election. The leader hands over to the worker it chooses, past the one that stood
// before it; a worker with a priority is preferred; a worker whose health probe fails steps down.
// node examples/hand-over.js [URL]; default: an embedded store.
import { connect } from 'conclave';

const url = process.argv[2] ?? 'memory:hand-over';
const [ada, bob, cleo] = await Promise.all([connect(url), connect(url), connect(url)]);
const election = (worker) => worker.election('examples/hand-over');

/** Stands behind whoever stands already. */
async function stand(worker, value, options) {
  const before = (await election(worker).candidates()).length;
  const campaign = election(worker).campaign(value, options);
  while ((await election(worker).candidates()).length === before) await worker.get('a moment');
  return { campaign };
}

const leader = await election(ada).campaign('ada');
const bobs = await stand(bob, 'bob');
const cleos = await stand(cleo, 'cleo');
await leader.handOver('cleo');
const next = await cleos.campaign;
const names = async () => (await election(ada).candidates()).map(({ value }) => value).join(', ');
console.log(`ada handed over to cleo; in line: ${await names()}; the term has grown: ${next.term > leader.term}`);

const adas = await stand(ada, 'ada', { priority: 1 });
const better = await stand(cleo, 'cleo again', { priority: 2 });
await next.resign();
await (await bobs.campaign).resign();
const best = await better.campaign;
console.log(`who has the highest priority leads: ${(await election(ada).leader()).value}`);
await best.resign();
await (await adas.campaign).resign();

const healthy = { value: true };
const done = new AbortController();
const running = election(bob).run(
  'bob',
  async ({ signal }) => {
    console.log('bob leads');
    healthy.value = false;
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true });
    });
    console.log(`bob was told to stop: ${signal.reason.code}`);
    done.abort('enough');
  },
  { health: { probe: () => healthy.value, intervalMs: 50, failures: 2 }, signal: done.signal },
);
await running.catch((reason) => console.log(`run() ended: ${reason}`));

await Promise.all([ada.close(), bob.close(), cleo.close()]);
