// Money moves between accounts: all or nothing, and nobody in between sees it on the way.
// Run: node examples/stm.js [memory: | http://127.0.0.1:2379]
import { ConclaveError, connect } from 'conclave';

const conclave = await connect(process.argv[2] ?? 'memory:');

const balance = async (tx, name) => Number((await tx.get(`accounts/${name}`))?.value.toString() ?? 0);

const move = (from, to, amount) => async (tx) => {
  const left = (await balance(tx, from)) - amount;
  // What throws writes nothing.
  if (left < 0) throw new Error(`${from} has not enough`);
  tx.put(`accounts/${from}`, `${left}`);
  tx.put(`accounts/${to}`, `${(await balance(tx, to)) + amount}`);
};

await conclave.stm((tx) => {
  for (const name of ['ada', 'bob', 'cleo']) tx.put(`accounts/${name}`, '100');
});

// In each other's way: those that come too late are run again, from what is there by then.
await Promise.all([
  conclave.stm(move('ada', 'bob', 40)),
  conclave.stm(move('bob', 'cleo', 70)),
  conclave.stm(move('cleo', 'ada', 10)),
]);

// A range at one revision; reading alone commits nothing.
const all = await conclave.stm((tx) => tx.range({ prefix: 'accounts/' }));
console.log(all.map(({ key, value }) => `${key.toString().slice(9)} ${value}`).join(', '));

try {
  await conclave.stm(move('bob', 'ada', 1_000));
} catch (error) {
  console.log(`refused: ${error.message}`);
}

// Only while a lock is held: the guard is part of the commit.
const held = await conclave.lock('audit');
const close = (tx) => {
  tx.guard(held.guard());
  tx.put('accounts/closed', 'yes', { leaseId: held.leaseId });
};
await conclave.stm(close);
await held.release();
try {
  await conclave.stm(close);
} catch (error) {
  if (!ConclaveError.is(error, 'LOST')) throw error;
  console.log(`after the release: ${error.code}`);
}

await conclave.close();
