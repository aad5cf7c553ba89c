// Two instances of a service, a client that calls them, one that drains and one that fails.
// Run: node examples/registry.js [memory: | http://127.0.0.1:2379]
import { connect, strategies } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');
const { registry } = conclave;

const users = registry.discover('users', { strategy: strategies.roundRobin(), ejection: { consecutiveErrors: 1 } });
const eu = await registry.register({ service: 'users', id: 'eu-1', address: '10.0.0.9:8080', zone: 'eu' });
await registry.register({ service: 'users', id: 'us-1', address: '10.1.0.9:8080', zone: 'us' });
await until((list) => list.length === 2);
console.log(`instances: ${users.instances.map(({ id, zone }) => `${id} in ${zone}`).join(', ')}`);

console.log(`first call: ${call()}, second call: ${call()}`);
console.log(`a call that fails: ${call(new Error('connection refused'))}, the next two: ${call()}, ${call()}`);

// Callers turn away before the entry goes.
await eu.drain();
await until(() => users.available.length === 1);
console.log(`eu-1 is ${eu.status}; calls go to ${call()}`);
await eu.deregister();
await until((list) => list.length === 1);
console.log(`instances: ${users.instances.map(({ id }) => id).join(', ')}`);

users.close();
await conclave.close();

/** One call to whoever is picked; says who it was. */
function call(error) {
  const { instance, done } = users.pick();
  done(error);
  return instance.id;
}

/** Resolves when the list is as wished: at once, or after a change. */
async function until(wish) {
  const changes = users.changes();
  await users.ready();
  if (wish(users.instances)) return;
  for await (const _ of changes) if (wish(users.instances)) return;
}
