// `npm start`: three processes that share an election and a lock, a leader that is killed, and a verdict at the end.
//   --keep           leave the server running at the end, until Ctrl-C
//   --turns=N        turns until each act ends (default 300)
//   --break=overlap  take turns without the lock: shows that the verdict notices
import { parseArgs } from 'node:util';
import { Cast } from './cast.js';
import { play } from './story.js';
import { Timeline } from './timeline.js';
import { verdict } from './verdict.js';

const limitMs = 55_000;
const ttlMs = 3000;

const { values } = parseArgs({
  options: { keep: { type: 'boolean' }, turns: { type: 'string', default: '300' }, break: { type: 'string' } },
});
const cast = new Cast();
const timeline = new Timeline(process.stdout);
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopped.abort(signal));
stopped.signal.addEventListener('abort', () => cast.fail(new Error(`stopped by ${stopped.signal.reason}`)));

try {
  process.exitCode = await perform();
  if (values.keep) await keepServing();
} catch (error) {
  timeline.at(error.message, 'red');
  process.exitCode = stopped.signal.aborted ? 130 : 1;
} finally {
  await cast.close();
}

async function perform() {
  const limit = setTimeout(() => cast.fail(new Error(`not done within ${limitMs / 1000} s`)), limitMs);
  try {
    const story = await play(cast, timeline, { ttlMs, turnsPerAct: Number(values.turns), planted: values.break });
    return judge(story);
  } finally {
    clearTimeout(limit);
  }
}

function judge(story) {
  const findings = verdict(story);
  timeline.say('');
  for (const { ok, text } of findings) timeline.say(`${ok ? 'holds ' : 'BROKEN'}  ${text}`, ok ? 'green' : 'red');
  return findings.every(({ ok }) => ok) ? 0 : 1;
}

async function keepServing() {
  timeline.say('');
  timeline.say('The server stays until Ctrl-C. Try:');
  timeline.say(`npx conclave lock demo --url ${cast.url}`);
  await cast.untilFailure().catch((error) => {
    if (!stopped.signal.aborted) throw error;
  });
}
