import { Etcd3 } from 'etcd3';
import { connect } from '../../src/connect/connect.js';
import type { Lab } from '../lab.js';
import type { Measure, Opened, Row, Sample } from '../row.js';
import type { ServerProcess } from '../servers/server-process.js';

/** With more, etcd falls behind now and then and sends thousands of events at once: such a run says nothing. */
const writers = 64;
const prefix = 'bench/fill/';

const one: Load = { watches: 1, putsPerTxn: 1 };
/** With one key a txn it is etcd's writing that is measured. */
const many: Load = { watches: 128, putsPerTxn: 4 };

/**
 * What it costs a process to hear of changes that others make: with one watch, with many of the same prefix. As with
 * puts and gets, the aim is for 128 callers. With one watch the kernel and Node take most of it: they wake the process
 * and read, once for about eight events, whoever the client is.
 */
export const clientWatchRows: readonly Row[] = [
  {
    id: 'client/watch',
    title: `CPU of the process per event of a watched prefix to which ${writers} others write`,
    unit: 'µs/event',
    better: 'less',
    comparisons: [
      { of: 'conclave', to: 'npm etcd3' },
      { of: 'conclave', to: 'npm etcd3', detail: 'user CPU µs' },
    ],
    open: (lab) => open(lab, one, perEvent),
  },
  {
    id: `client/watch-${many.watches}`,
    title: `the same prefix watched ${many.watches} times in one process, ${many.putsPerTxn} keys a write`,
    unit: 'events told/s',
    better: 'more',
    comparisons: [
      { of: 'conclave', to: 'npm etcd3', aim: 3 },
      { of: 'conclave', to: 'npm etcd3', detail: 'client CPU µs', aim: 5 },
    ],
    open: (lab) => open(lab, many, told),
  },
];

interface Load {
  /** Of the same prefix. */
  readonly watches: number;
  /** Of different keys. */
  readonly putsPerTxn: number;
}

/** What telling `count` events took, in seconds and µs of CPU. */
interface Cost {
  readonly count: number;
  readonly seconds: number;
  readonly userUs: number;
  readonly systemUs: number;
}

function perEvent({ count, userUs, systemUs }: Cost): Sample {
  const details = { 'user CPU µs': userUs / count, 'system CPU µs': systemUs / count };
  return { value: (userUs + systemUs) / count, details };
}

function told({ count, seconds, userUs, systemUs }: Cost): Sample {
  return { value: count / seconds, details: { 'client CPU µs': (userUs + systemUs) / count } };
}

async function open(lab: Lab, load: Load, sampleOf: (cost: Cost) => Sample): Promise<Opened> {
  const server = await lab.server('etcd no-fsync');
  const [ours, theirs] = [await startOurs(server), await startTheirs(server)];
  const measureOf = (started: Started): Measure => {
    return async () => sampleOf(await costOf(lab, server, started, load));
  };
  const measures = [ours, theirs].map(measureOf);
  // Code that is compiled meanwhile costs as much as some thousand events.
  for (const warmUp of measures) await warmUp();
  return {
    subjects: new Map(measures.map((measure, i) => [i === 0 ? 'conclave' : 'npm etcd3', measure])),
    close: async () => {
      await ours.close();
      await theirs.close();
    },
  };
}

async function costOf(lab: Lab, server: ServerProcess, started: Started, load: Load): Promise<Cost> {
  const { watches, putsPerTxn } = load;
  const events = lab.scale.quick ? 2_000 : 20_000;
  const stop = await started.start(watches);
  try {
    const [beganAtMs, before] = [performance.now(), process.cpuUsage()];
    const fill = {
      type: 'fill',
      port: server.port,
      txns: events / putsPerTxn,
      putsPerTxn,
      keys: 1_000,
      callers: writers,
    } as const;
    await Promise.all([started.seen.reaches(events * watches), lab.generator.run(fill)]);
    const { user, system } = process.cpuUsage(before);
    const seconds = (performance.now() - beganAtMs) / 1_000;
    return { count: events * watches, seconds, userUs: user, systemUs: system };
  } finally {
    await stop();
  }
}

interface Started {
  /** By all its watches. */
  readonly seen: Count;
  /** So many watches; resolves when the server has them all. */
  start(watches: number): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

async function startOurs({ url }: ServerProcess): Promise<Started> {
  const conclave = await connect(url);
  const seen = new Count();
  const start = async (watches: number) => {
    const stop = new AbortController();
    const read = async () => {
      const batches = conclave.watch({ prefix }, { signal: stop.signal });
      for await (const { events } of batches) seen.add(events.length);
    };
    const reading = Array.from({ length: watches }, () => read().catch(() => {}));
    // The server creates the watches of a stream in order, and this one is the last.
    const marker = conclave.cache('bench/none/');
    await marker.ready();
    marker.close();
    return async () => {
      stop.abort();
      await Promise.all(reading);
    };
  };
  return { seen, start, close: () => conclave.close() };
}

async function startTheirs({ url }: ServerProcess): Promise<Started> {
  const client = new Etcd3({ hosts: url });
  const seen = new Count();
  const start = async (watches: number) => {
    const create = () => client.watch().prefix(prefix).create();
    const watchers = await Promise.all(Array.from({ length: watches }, create));
    for (const watcher of watchers) watcher.on('put', () => seen.add(1));
    return async () => {
      await Promise.all(watchers.map((watcher) => watcher.cancel()));
    };
  };
  return { seen, start, close: async () => client.close() };
}

/** Counts events until as many have come as there were puts, to each watch. */
class Count {
  #left = 0;
  #onDone = () => {};

  /** Resolves when `count` more have come. */
  reaches(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve) => {
      this.#onDone = resolve;
    });
  }

  add(count: number): void {
    this.#left -= count;
    if (this.#left === 0) this.#onDone();
  }
}
