import { Etcd3 } from 'etcd3';
import { connect } from '../../src/connect/connect.js';
import type { Lab } from '../lab.js';
import type { Measure, Opened, Row, Sample } from '../row.js';
import { cpuMicrosOf } from '../servers/process-facts.js';
import type { ServerProcess } from '../servers/server-process.js';

/** What it costs a process to hear of changes that others make: with one watch, and with many of the same prefix. */
export const clientWatchRows: readonly Row[] = [1, 64].map((watches) => ({
  id: watches === 1 ? 'client/watch' : `client/watch-${watches}`,
  title:
    watches === 1
      ? 'CPU of the process per event of a watched prefix that others write to'
      : `the same, told to ${watches} watches of one prefix: CPU per event written`,
  unit: 'µs/event',
  better: 'less',
  comparisons: [
    { of: 'conclave', to: 'npm etcd3', aim: watches === 1 ? 3 : undefined },
    { of: 'conclave', to: 'npm etcd3', detail: 'user CPU µs' },
    { of: 'conclave', to: 'npm etcd3', detail: 'etcd CPU µs' },
  ],
  because:
    'a fifth of it is JavaScript (CPU profile); the rest is to be woken for etcd’s small packets, as often for both',
  open: (lab) => open(lab, watches),
}));

/** Counts events until as many have come as there were puts, to each watch. */
interface Watching {
  /** Resolves when `count` more have come. */
  seen(count: number): Promise<void>;
  onEvents(count: number): void;
}

async function open(lab: Lab, watches: number): Promise<Opened> {
  const server = await lab.server('etcd no-fsync');
  const [ours, theirs] = [await startOurs(server), await startTheirs(server)];
  const measure = ({ watching, start }: Started): Measure => {
    return async () => {
      const stop = await start(watching, watches);
      try {
        return await costOf(lab, server, watching, watches);
      } finally {
        await stop();
      }
    };
  };
  return {
    subjects: new Map([
      ['conclave', measure(ours)],
      ['npm etcd3', measure(theirs)],
    ]),
    close: async () => {
      await ours.close();
      await theirs.close();
    },
  };
}

interface Started {
  readonly watching: Watching;
  /** So many watches; resolves when the server has them all. */
  start(watching: Watching, watches: number): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

async function startOurs({ url }: ServerProcess): Promise<Started> {
  const conclave = await connect(url);
  const read = async (watching: Watching, signal: AbortSignal) => {
    for await (const { events } of conclave.watch({ prefix: 'bench/fill/' }, { signal }))
      watching.onEvents(events.length);
  };
  const start = async (watching: Watching, watches: number) => {
    const stop = new AbortController();
    const reading = Array.from({ length: watches }, () => read(watching, stop.signal).catch(() => {}));
    // The server creates the watches of a stream in order, and this one is the last.
    const marker = conclave.cache('bench/none/');
    await marker.ready();
    marker.close();
    return async () => {
      stop.abort();
      await Promise.all(reading);
    };
  };
  return { watching: new Count(), start, close: () => conclave.close() };
}

async function startTheirs({ url }: ServerProcess): Promise<Started> {
  const client = new Etcd3({ hosts: url });
  const start = async (watching: Watching, watches: number) => {
    const create = () => client.watch().prefix('bench/fill/').create();
    const watchers = await Promise.all(Array.from({ length: watches }, create));
    for (const watcher of watchers) watcher.on('put', () => watching.onEvents(1));
    return async () => {
      await Promise.all(watchers.map((watcher) => watcher.cancel()));
    };
  };
  return { watching: new Count(), start, close: async () => client.close() };
}

async function costOf(lab: Lab, server: ServerProcess, watching: Watching, watches: number): Promise<Sample> {
  const { port } = server;
  const events = lab.scale.quick || watches > 1 ? 2_000 : 10_000;
  const cpuBefore = process.cpuUsage();
  const etcdBefore = cpuMicrosOf(server.pid);
  const seen = watching.seen(events * watches);
  await Promise.all([seen, lab.generator.run({ type: 'fill', port, txns: events, putsPerTxn: 1, keys: 1_000 })]);
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    value: (user + system) / events,
    details: {
      'user CPU µs': user / events,
      'system CPU µs': system / events,
      'etcd CPU µs': (cpuMicrosOf(server.pid) - etcdBefore) / events,
    },
  };
}

class Count implements Watching {
  #left = 0;
  #onDone = () => {};

  seen(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve) => {
      this.#onDone = resolve;
    });
  }

  onEvents(count: number): void {
    this.#left -= count;
    if (this.#left === 0) this.#onDone();
  }
}
