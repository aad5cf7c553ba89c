// Configuration that changes while the service runs: valid values only, whole, and back again.
// Run: node examples/config.js [memory: | http://127.0.0.1:2379]
import { connect } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');
const { config } = conclave;

// Any Standard Schema does: zod, valibot, arktype; this one is by hand.
const schema = {
  '~standard': {
    version: 1,
    vendor: 'example',
    validate: (value) =>
      value.rateLimit > 0 ? { value } : { issues: [{ message: 'must be above 0', path: ['rateLimit'] }] },
  },
};

const first = await config.setAll({ rateLimit: 100, 'db/pool': 5 }, { prefix: 'shop', reason: 'the first ones' });
const shop = await config.watch({ prefix: 'shop', schema, defaults: { db: { timeoutMs: 500 } } });
console.log(`at the start: ${JSON.stringify(shop.value)}`);

const changes = shop.changes();
await config.setAll({ rateLimit: 200, 'db/pool': 9 }, { prefix: 'shop', schema });
await told();

// A writer with the schema is refused; one without it, as etcdctl, reaches nobody.
const refused = await config.set('rateLimit', -1, { prefix: 'shop', schema }).catch((error) => error.message);
console.log(`refused: ${refused}`);
const invalid = new Promise((resolve) => shop.events.once('invalid', resolve));
await conclave.put('config/shop/rateLimit', '-1');
await invalid;
console.log(`${shop.status}: ${shop.problem.issues[0].message}; still ${shop.value.rateLimit}`);

await config.rollback({ prefix: 'shop' }, { toRevision: first.revision });
await told();
console.log(`${shop.status}; ${(await shop.history()).length} versions kept`);

await shop.close();
await conclave.close();

async function told() {
  const { value: change } = await changes.next();
  const keys = change.changes.map(({ key, oldValue, newValue }) => `${key} ${oldValue} -> ${newValue}`);
  console.log(`changed: ${keys.join(', ')}`);
}
