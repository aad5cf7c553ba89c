// navigator.locks across processes: shared, exclusive, ifAvailable, query, steal.
// Run: node examples/web-locks.js [memory:name | http://127.0.0.1:2379]
import { connect } from 'conclave';

const url = process.argv[2] ?? 'memory:web-locks';
const [a, b] = [await connect(url), await connect(url)];

// Two processes read together; a writer waits for both.
let reading = 0;
let most = 0;
const read = async () => {
  reading += 1;
  most = Math.max(most, reading);
  await new Promise((resolve) => setTimeout(resolve, 100));
  reading -= 1;
};
await Promise.all([a, b].map(({ locks }) => locks.request('report', { mode: 'shared' }, read)));
console.log(`shared: ${most} read together`);

const first = await a.locks.request('report', (lock) => lock.fence);
const second = await b.locks.request('report', (lock) => lock.fence);
console.log(`exclusive, fence grows: ${second > first}`);

// One holds for ever, one waits, and somebody loses patience.
const stuck = a.locks.request('report', () => new Promise(() => {}));
await a.locks.query();
console.log(`ifAvailable: ${await b.locks.request('report', { ifAvailable: true }, (lock) => lock)}`);
const waiting = b.locks.request('report', (lock) => lock.mode);
const { held, pending } = await b.locks.query();
console.log(`held ${held.length}, pending ${pending.length}`);

await b.locks.request('report', { steal: true }, async () => {
  const error = await stuck.catch((reason) => reason);
  console.log(`stolen from: ${error.name}`);
});
console.log(`then who waited: ${await waiting}`);

await Promise.all([a.close(), b.close()]);
