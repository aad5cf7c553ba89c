// What happens in the demo, in order. Nothing here waits for time: each act ends when something has happened.
import { connect } from 'conclave';
import { counterKey, text } from './turn.js';

const names = ['ada', 'bob', 'cleo'];

/** Plays with `cast` and tells it on `timeline`; resolves with what the verdict needs. */
export async function play(cast, timeline, { ttlMs, turnsPerAct, planted }) {
  const record = { turns: [], leaders: [], overlaps: 0 };
  cast.listen((message) => note(record, message));
  /** Hears of it in order, whichever of several messages comes first. */
  const nextLeader = async (not) => cast.hear(({ type, name }) => type === 'leads' && name !== not);
  const act = async () => {
    const before = record.turns.length;
    await cast.hear(({ type }) => type === 'turn' && record.turns.length >= before + turnsPerAct);
    timeline.at(turnsTold(record.turns.slice(before)), 'dim');
  };

  await cast.serve();
  timeline.at(`conclave serve listens on ${cast.url}`);
  const elected = nextLeader();
  for (const name of names) cast.start(name, { ttlMs, planted });
  timeline.at(`${names.join(', ')}: three processes, one election, one lock, time to live ${ttlMs / 1000} s`);
  const first = await elected;
  timeline.at(`${first.name} leads, term ${first.term}`, 'green');
  await act();

  const heir = nextLeader(first.name);
  cast.say(first.name, 'freeze');
  const { fence } = await cast.hear(({ type, name }) => type === 'frozen' && name === first.name);
  await cast.kill(first.name);
  const killedMs = performance.now();
  timeline.at(
    `${first.name} is killed with SIGKILL: leader, and inside the lock${fence ? `, fence ${fence}` : ''}`,
    'red',
  );
  const back = cast.hear(({ type }) => type === 'turn');
  const second = await heir;
  const tookMs = performance.now() - killedMs;
  timeline.at(`${second.name} leads, term ${second.term}: ${compared(tookMs, ttlMs)}`, 'green');
  const turn = await back;
  timeline.at(
    `${turn.name} has the lock${turn.fence ? `, fence ${turn.fence}` : ''}: the dead one's went with its lease`,
  );
  await act();

  cast.start(first.name, { ttlMs, planted });
  timeline.at(`${first.name} comes back, as a new process`);
  await cast.hear(({ type, name }) => type === 'turn' && name === first.name);
  const next = nextLeader(second.name);
  cast.say(second.name, 'step down');
  const saidMs = performance.now();
  timeline.at(`${second.name} is asked to step down`);
  const third = await next;
  const handoverMs = (performance.now() - saidMs).toFixed(0);
  timeline.at(
    `${third.name} leads, term ${third.term}: ${handoverMs} ms later, nobody had to wait for a lease`,
    'green',
  );
  await act();

  await cast.end();
  timeline.at('all have finished their turns');
  return { ...record, counter: await storedCounter(cast.url) };
}

function note(record, message) {
  if (message.type === 'turn') record.turns.push(message);
  if (message.type === 'leads') record.leaders.push(message);
  if (message.type === 'overlap') record.overlaps += 1;
}

function turnsTold(turns) {
  const each = names.map((name) => `${name} ${turns.filter((turn) => turn.name === name).length}`);
  return `${turns.length} turns: ${each.join(', ')}; the counter is ${turns.at(-1).value}`;
}

function compared(tookMs, ttlMs) {
  return `${(tookMs / 1000).toFixed(1)} s after the kill, time to live ${ttlMs / 1000} s`;
}

async function storedCounter(url) {
  const conclave = await connect(url);
  try {
    return Number(text(await conclave.get(counterKey)));
  } finally {
    await conclave.close();
  }
}
