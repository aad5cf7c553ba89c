import type { Conclave } from '../../src/conclave.js';
import { connect } from '../../src/connect/connect.js';
import type { Store } from '../../src/store/store.js';
import { incrementBare } from './bare-counter.js';
import { bareStore } from './bare-txns.js';
import type { CounterJob, CounterResult } from './counter-job.js';
import { rateOf } from './loops.js';

// One of several processes that add to the same counter.

interface Connected {
  readonly ours: Conclave;
  readonly bare: Store;
}

let connected: Promise<Connected> | undefined;

process.on('message', (job: CounterJob) => {
  run(job).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ failure: String(error) }),
  );
});
process.on('disconnect', () => process.exit());

async function run({ how, url, callers, durationMs }: CounterJob): Promise<CounterResult> {
  connected ??= connectTo(url);
  const { ours, bare } = await connected;
  const counter = ours.counter('bench-several');
  const add = how === 'conclave' ? () => counter.increment() : () => incrementBare(bare, 'bench/bare/several');
  const { value, details } = await rateOf(callers, durationMs, add);
  return { perSecond: value, cpuMicros: details?.['client CPU µs'] ?? 0 };
}

async function connectTo(url: string): Promise<Connected> {
  return { ours: await connect(url), bare: bareStore(url) };
}
