import { pathToFileURL } from 'node:url';
import { Conclave } from '../../src/conclave.js';
import { openStore } from '../../src/connect/open-store.js';
import { Scope } from '../../src/core/scope.js';
import { SessionKeeper } from '../../src/lease/session-keeper.js';
import { Crowds } from '../../src/line/crowds.js';
import { thisProcess } from '../../src/node/environment.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { Prng } from '../../src/sim/prng.js';
import { RecordingStore } from '../../src/sim/recording-store.js';
import type { Store } from '../../src/store/store.js';
import { monotonicMs } from './clock.js';
import type { ClientConfig, Order, Report } from './messages.js';
import { Tape } from './tape.js';
import { additionWork } from './work/addition.js';
import { barrierWork } from './work/barrier.js';
import { cacheWork } from './work/cache.js';
import { configWork } from './work/config.js';
import { electionWork } from './work/election.js';
import { ephemeralWork } from './work/ephemeral.js';
import { kvWork } from './work/kv.js';
import { lockWork } from './work/lock.js';
import { partitionWork } from './work/partition.js';
import { queueWork } from './work/queue.js';
import { registryWork } from './work/registry.js';
import { scheduleWork } from './work/schedule.js';
import { sharedLocksWork } from './work/shared-locks.js';
import { transactionWork } from './work/transaction.js';
import type { Client, Work } from './work/work.js';

const stallBeyondTtlMs = 1500;

const works = {
  lock: lockWork,
  outside: lockWork,
  shared: sharedLocksWork,
  election: electionWork,
  queue: queueWork,
  schedule: scheduleWork,
  ephemeral: ephemeralWork,
  registry: registryWork,
  config: configWork,
  cache: cacheWork,
  barrier: barrierWork,
  counter: additionWork,
  partition: partitionWork,
  stm: transactionWork,
  kv: kvWork,
} as const satisfies Record<ClientConfig['work'], Work>;

/** One client process: the library as it is, over real sockets, and a history of what it did. */
async function clientMain(config: ClientConfig): Promise<void> {
  const tape = new Tape(config.file);
  const { conclave, store } = await connectRecorded(config, tape);
  const finish = new AbortController();
  const closing = new AbortController();
  const client: Client = {
    name: config.process,
    config,
    conclave,
    store,
    tape,
    recorder: tape.recorder,
    random: new Prng(config.seed),
    finishing: finish.signal,
    closing: closing.signal,
    tell: (report: Report) => process.send?.(report),
  };
  const work = works[config.work];
  const running = work.run(client);
  const observing = work.observe?.(client);
  const settle = async () => {
    await observing?.settle();
    client.tell({ type: 'settled' });
  };
  const close = async () => {
    closing.abort();
    await observing?.done;
    await conclave.close();
    tape.close();
    process.disconnect();
  };
  const obey: Record<Order, () => void> = {
    stall: () => stall(client),
    finish: () => finish.abort(),
    settle: () => void settle(),
    close: () => void close(),
  };
  process.on('message', (order: Order) => obey[order]());
  client.tell({ type: 'ready' });
  await running;
  client.tell({ type: 'finished' });
}

/**
 * The event loop stands still: no timer, no answer, no heartbeat, as by a long computation. Nothing is done meanwhile.
 */
function stall({ config, recorder, name }: Client): void {
  recorder.note(name, 'client', 'pause', null);
  const endMs = monotonicMs() + config.ttlMs + stallBeyondTtlMs;
  // Bounded by `endMs`.
  while (monotonicMs() < endMs);
  recorder.note(name, 'client', 'resume', null);
}

/** As `connect()` does it, with a recording of what the session asks: `held` is judged by it. */
async function connectRecorded(config: ClientConfig, tape: Tape): Promise<{ conclave: Conclave; store: Store }> {
  const runtime = new NodeRuntime();
  const opened = await openStore(config.url, { requestTimeoutMs: config.requestTimeoutMs }, runtime);
  const store = new RecordingStore(opened.store, tape.recorder, config.process);
  const scope = new Scope();
  scope.add(() => opened.close());
  const sessions = new SessionKeeper({ store, runtime }, { ttlMs: config.ttlMs });
  const context = {
    store,
    runtime,
    sessions,
    crowds: new Crowds(),
    namespace: '',
    identity: thisProcess(config.process),
  };
  return { conclave: new Conclave(context, scope), store };
}

// Only as a process of its own; whoever started it is gone when the channel closes.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  let over = false;
  process.on('disconnect', () => {
    if (!over) process.exit(1);
  });
  const disconnect = process.disconnect?.bind(process);
  process.disconnect = () => {
    over = true;
    disconnect?.();
  };
  await clientMain(JSON.parse(process.argv[2] ?? '{}') as ClientConfig);
}
