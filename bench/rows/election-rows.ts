import { Etcd3 } from 'etcd3';
import type { Conclave } from '../../src/conclave.js';
import { connect } from '../../src/connect/connect.js';
import { type Deferred, deferred } from '../../src/core/deferred.js';
import { put } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';
import { bareStore, lockCycle } from '../client/bare-txns.js';
import { latencyOf, rateOf, warmUp } from '../client/loops.js';
import type { Lab } from '../lab.js';
import type { Measure, Opened, Row } from '../row.js';

/** Elections of one process on one etcd. */
export const electionRows: readonly Row[] = [
  {
    id: 'election/campaign',
    title: 'campaign and resign where nobody else stands, 1 caller',
    unit: 'cycles/s',
    better: 'more',
    comparisons: [
      { of: 'conclave', to: 'npm etcd3', aim: 3 },
      { of: 'conclave', to: 'two bare txns', aim: 1 / 1.15 },
    ],
    open: openCampaign,
  },
  {
    id: 'election/proclaim',
    title: 'from `proclaim(value)` to an observer that has seen it, p50',
    unit: 'ms',
    better: 'less',
    comparisons: [{ of: 'conclave', to: 'put to bare watch', aim: 1 / 1.2 }],
    because: 'the put is guarded by a compare and keeps its lease',
    open: openProclaim,
  },
];

async function openCampaign(lab: Lab): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const ours = await connect(url);
  const theirs = new Etcd3({ hosts: url });
  const floor = bareStore(url);
  const election = theirs.election('bench', 60);
  const operations: [string, () => Promise<void>][] = [
    ['conclave', async () => (await ours.election('bench').campaign('me')).resign()],
    ['npm etcd3', async () => (await election.campaign('me').wait()).resign()],
    ['two bare txns', () => lockCycle(floor, 'bench/bare/campaign')],
  ];
  const { sampleMs } = lab.scale;
  const measures = operations.map(([name, operation]): [string, Measure] => {
    return [name, () => rateOf(1, sampleMs, operation)];
  });
  await warmUp(
    1,
    operations.map(([, operation]) => operation),
  );
  const close = async () => {
    await ours.close();
    theirs.close();
    await floor.close();
  };
  return { subjects: new Map(measures), close };
}

async function openProclaim(lab: Lab): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const [leader, follower] = [await connect(url), await connect(url)];
  const [writer, reader] = [bareStore(url), bareStore(url)];
  const count = lab.scale.quick ? 60 : 300;
  const news = new News();
  const stop = new AbortController();
  const observing = observeInto(news, follower, stop.signal);
  const leadership = await leader.election('bench-proclaim').campaign('first');
  const watched = new News();
  const unwatch = await watchInto(watched, reader);
  const subjects = new Map<string, Measure>([
    ['conclave', () => latencyOf(count, (n) => news.after(`${n}`, () => leadership.proclaim(`${n}`)))],
    [
      'put to bare watch',
      () => latencyOf(count, (n) => watched.after(`${n}`, () => writer.txn({ success: [put('bench/news', `${n}`)] }))),
    ],
  ]);
  const close = async () => {
    stop.abort();
    await observing;
    unwatch();
    await Promise.all([leader.close(), follower.close(), writer.close(), reader.close()]);
  };
  return { subjects, close };
}

/** Values that are waited for. */
class News {
  #awaited: { readonly value: string; readonly seen: Deferred<void> } | undefined;

  tell(value: string): void {
    if (this.#awaited?.value === value) this.#awaited.seen.resolve();
  }

  /** Milliseconds from the start of `cause` until `value` has been told. */
  async after(value: string, cause: () => Promise<unknown>): Promise<number> {
    const seen = deferred();
    this.#awaited = { value, seen };
    const startedAtMs = performance.now();
    const caused = cause();
    await seen.promise;
    const elapsedMs = performance.now() - startedAtMs;
    await caused;
    return elapsedMs;
  }
}

async function observeInto(news: News, conclave: Conclave, signal: AbortSignal): Promise<void> {
  try {
    for await (const leader of conclave.election('bench-proclaim').observe({ signal })) news.tell(leader?.value ?? '');
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function watchInto(news: News, store: Store): Promise<() => void> {
  const created = deferred();
  const unwatch = store.watch(
    { key: Buffer.from('bench/news') },
    {
      onCreated: () => created.resolve(),
      onEvents: (events) => {
        for (const { kv } of events) news.tell(Buffer.from(kv.value).toString());
      },
      onEnd: (error) => created.reject(error),
    },
  );
  await created.promise;
  return unwatch;
}
