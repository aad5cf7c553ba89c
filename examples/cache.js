// A prefix in memory: read without a round trip, or as new as you need it; told of each change.
// Run: node examples/cache.js [memory: | http://127.0.0.1:2379]
import { connect, put } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');
await conclave.put('routes/a', '{"to":"10.0.0.1"}');

const routes = conclave.cache('routes/', { decode: 'json' });
await routes.ready();
console.log(`a goes to ${routes.get('routes/a')?.value.to}, b to ${routes.get('routes/b')?.value.to}`);

const changes = routes.changes();
await conclave.txn().then(put('routes/a', '{"to":"10.0.0.9"}'), put('routes/b', '{"to":"10.0.0.2"}')).commit();
const { value: change } = await changes.next();
console.log(
  change.keys.map(({ key, before, after }) => `${key}: ${before?.value.to} -> ${after?.value.to}`).join(', '),
);

// Everything that anybody was told is done before this line, read from memory.
await conclave.delete('routes/b');
const view = await routes.read({ consistent: true, timeoutMs: 5_000 });
console.log(`after the delete: ${view.entries.map(({ key }) => key)}`);

// One's own write, without a question for the present.
const { header } = await conclave.put('routes/c', '{"to":"10.0.0.3"}');
const mine = await routes.read({ minRevision: header.revision });
console.log(`c goes to ${mine.get('routes/c').value.to}`);

// At most a second old: asks the store once a second, however often it is called.
await Promise.all(Array.from({ length: 1_000 }, () => routes.read({ maxStaleMs: 1_000 })));

// What cannot be read is not shown.
await conclave.put('routes/d', 'no JSON');
await routes.read({ consistent: true });
console.log(`unreadable: ${[...routes.problems.keys()]}`);

routes.close();
await conclave.delete('routes/', { prefix: true });
await conclave.close();
