// A holder that is broken while it works, and a database that turns its late write away. Needs `npm i better-sqlite3`.
// Run: node examples/fence-sql.js [memory: | http://127.0.0.1:2379]
import Database from 'better-sqlite3';
import { connect, fencedUpdate } from 'conclave';

const database = new Database(':memory:');
database.exec('CREATE TABLE accounts (id TEXT PRIMARY KEY, balance INTEGER, fence BIGINT NOT NULL DEFAULT 0)');
database.exec("INSERT INTO accounts (id, balance) VALUES ('ada', 100)");

const row = { dialect: 'sqlite', table: 'accounts', where: { id: 'ada' }, returning: ['balance'] };
/** Undefined: a later holder has been at the row. */
const run = (update) => {
  const { text, values } = fencedUpdate({ ...row, ...update });
  return database.prepare(text).get(...values)?.balance;
};

const conclave = await connect(process.argv[2] ?? 'memory:');
const slow = await conclave.lock('accounts/ada');
const seen = run({ fence: slow.fence });
console.log(`the slow one reads ${seen}`);

// Somebody loses patience with it.
await conclave.breakLock('accounts/ada', { ifFence: slow.fence });

await conclave.withLock('accounts/ada', async ({ fence }) => {
  // The read shows the fence as well: from here on nobody with a lower one gets in.
  const balance = run({ fence });
  console.log(`the next one reads ${balance}, and writes ${run({ fence, set: { balance: balance - 30 } })}`);
});

const late = run({ fence: slow.fence, set: { balance: seen - 50 } });
console.log(`the slow one writes: ${late ?? 'turned away'}`);
console.log(`balance: ${database.prepare('SELECT balance FROM accounts').get().balance}`);

await conclave.close();
database.close();
