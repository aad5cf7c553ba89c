// One of the demo's processes: stands for election, and takes turns on a lock. Started by cast.js, which it tells over
// Node's own channel between processes what happens to it.
import { ConclaveError, connect } from 'conclave';
import { takeTurn } from './turn.js';

const [name, url, ttlMs, planted] = process.argv.slice(2);
const ending = new AbortController();
let freeze = false;
let stepDown = () => {};

const tell = (message) => process.send(encode(message));
process.on('message', ({ type }) => {
  if (type === 'freeze') freeze = true;
  if (type === 'step down') stepDown();
  if (type === 'end') ending.abort();
});
const orphaned = () => process.exit(1);
process.on('disconnect', orphaned);
// Ctrl-C on a terminal reaches everybody at once; cast.js decides who ends when.
process.on('SIGINT', () => {});

const conclave = await connect(url, { ttlMs: Number(ttlMs), label: name });
await Promise.all([lead(), takeTurns()]);
await conclave.close();
process.off('disconnect', orphaned);
process.disconnect();

/** Leads, steps down when told to, stands again: until the end. */
async function lead() {
  const work = async ({ term, signal }) => {
    const over = new Promise((resolve) => {
      stepDown = resolve;
      signal.addEventListener('abort', resolve, { once: true });
    });
    tell({ type: 'leads', term });
    await over;
  };
  await conclave.election('demo').run(name, work, { signal: ending.signal }).catch(unlessEnding);
}

async function takeTurns() {
  await conclave.session.open();
  while (!ending.signal.aborted) {
    try {
      if (planted === 'overlap') await takeTurn(conclave, name, undefined, tell, inside);
      else await conclave.withLock('demo', { signal: ending.signal }, inTurn);
    } catch (error) {
      // A machine that stalls for longer than the time to live takes the lock away: the next turn has a fresh session.
      if (!ConclaveError.is(error, 'LOST', 'SESSION_LOST')) unlessEnding(error);
    }
  }
}

async function inTurn(held) {
  await takeTurn(conclave, name, held, tell, () => inside(held.fence));
}

/** Between reading and writing. Told to freeze, it stays there for ever: the worst place to be killed. */
async function inside(fence) {
  if (!freeze) return;
  tell({ type: 'frozen', fence });
  await new Promise(() => {});
}

function unlessEnding(error) {
  if (!ending.signal.aborted) throw error;
}

/** int64 does not fit into JSON's numbers. */
function encode(message) {
  return Object.fromEntries(
    Object.entries(message).map(([key, value]) => [key, typeof value === 'bigint' ? String(value) : value]),
  );
}
