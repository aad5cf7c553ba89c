import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type SimOptions, sim } from '../src/sim/cli.js';
import { replayCommand } from '../src/sim/report.js';

const usage = `npm run sim -- --seeds N [--from SEED] [--workload NAME]     runs seeds, 100 unless said otherwise
npm run sim -- --seed N [--workload NAME] [--events]         replays one, with what happened in it
npm run sim -- ... --clients N                               with other than 4 clients
npm run sim -- ... --max-failures N                          stops after other than 5 failures
npm run sim -- --plan FILE                                   replays a plan that was written down`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    workload: { type: 'string' },
    clients: { type: 'string' },
    plan: { type: 'string' },
    events: { type: 'boolean' },
    'max-failures': { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.help === true) {
  console.log(usage);
  process.exit();
}

const options: SimOptions = {
  seeds: wholeNumber('seeds'),
  from: wholeNumber('from'),
  seed: wholeNumber('seed'),
  workload: values.workload,
  clients: wholeNumber('clients'),
  plan: values.plan === undefined ? undefined : JSON.parse(readFileSync(values.plan, 'utf8')),
  events: values.events,
  maxFailures: wholeNumber('max-failures'),
};

// Stacks of errors that are expected by the thousand: half of the time of a run, and nobody reads them.
if (options.seed === undefined && options.plan === undefined) Error.stackTraceLimit = 0;
let underWay = '';
// A promise that nobody handles is a bug too, and belongs to the seed in which it was made.
process.on('unhandledRejection', (reason) => {
  console.error(reason);
  console.log(`sim: a rejection that nobody handled\nreplay: ${underWay}`);
  process.exit(1);
});
process.exitCode = await sim(options, {
  print: (line) => console.log(line),
  nowMs: () => performance.now(),
  begins: (seed, workload) => {
    underWay = replayCommand(seed, workload);
  },
});

function wholeNumber(name: 'seeds' | 'from' | 'seed' | 'clients' | 'max-failures'): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new Error(`--${name} takes a whole number, not ${text}`);
  return Number(text);
}
