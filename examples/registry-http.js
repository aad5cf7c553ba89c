// A Fastify service in three instances that register themselves, and a client that calls it while they come and go:
// one drains, one dies without a word. No call fails.
// Run: node examples/registry-http.js [memory: | http://127.0.0.1:2379]
import { connect, strategies } from 'conclave';
import { serviceFetch } from 'conclave/http';
import Fastify from 'fastify';

const conclave = await connect(process.argv[2] ?? 'memory:');
const { registry } = conclave;

const started = [await start('a'), await start('b'), await start('c')];
const orders = registry.discover('orders', { strategy: strategies.roundRobin(), ejection: { consecutiveErrors: 1 } });
await until(() => orders.available.length === 3);
const call = serviceFetch(orders);

console.log(`answered by ${await whoAnswers(30)}`);

// A deploy: callers turn away, calls under way end, the entry goes, the server closes.
const [a, b] = started;
await a.registration.drain();
await until(() => orders.available.length === 2);
await a.registration.deregister();
await a.app.close();
console.log(`after a has drained: ${await whoAnswers(30)}`);

// A crash: the entry stays until the lease ends, calls go to another instance meanwhile.
await b.app.close();
console.log(`after b has died: ${await whoAnswers(30)}`);

orders.close();
await conclave.close();
await started[2].app.close();

/** One instance; the probe asks it over the network, as a load balancer would. */
async function start(id) {
  const app = Fastify({ forceCloseConnections: true });
  app.get('/orders/:order', ({ params }) => ({ order: params.order, by: id }));
  app.get('/health', () => 'well');
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const health = async () => {
    if (!(await fetch(`${address}/health`)).ok) throw new Error('not well');
  };
  const registration = await registry.register({ service: 'orders', id, address }, { health });
  return { app, registration };
}

/** Throws if a call fails. */
async function whoAnswers(calls) {
  const by = new Set();
  for (let i = 0; i < calls; i++) by.add((await (await call(`/orders/${i}`)).json()).by);
  return [...by].sort().join(', ');
}

/** Resolves when the list is as wished: at once, or after a change. */
async function until(wish) {
  const changes = orders.changes();
  await orders.ready();
  if (wish()) return;
  for await (const _ of changes) if (wish()) return;
}
