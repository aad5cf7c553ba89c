// A holder that is broken while it works, and a database that turns its late write away. Needs `npm i sql.js`, SQLite
// as WebAssembly. Run: node examples/fence-sql.js [memory: | http://127.0.0.1:2379]
import { connect, fencedUpdate } from 'conclave';
import initSqlJs from 'sql.js';

const { Database } = await initSqlJs();
const database = new Database();
database.exec('CREATE TABLE accounts (id TEXT PRIMARY KEY, balance INTEGER, fence BIGINT NOT NULL DEFAULT 0)');
database.exec("INSERT INTO accounts (id, balance) VALUES ('ada', 100)");

const row = { dialect: 'sqlite', table: 'accounts', where: { id: 'ada' }, returning: ['balance'] };
/** Undefined: a later holder has been at the row. */
const run = (update) => {
  const { text, values } = fencedUpdate({ ...row, ...update });
  return first(text, values)?.balance;
};

/** The first row, or undefined. */
function first(text, values = []) {
  const statement = database.prepare(text, values);
  const found = statement.step() ? statement.getAsObject() : undefined;
  statement.free();
  return found;
}

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
console.log(`balance: ${first('SELECT balance FROM accounts').balance}`);

await conclave.close();
database.close();
