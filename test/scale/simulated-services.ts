import type { TxnRequest } from '../../src/store/messages.js';
import { type Client, SimWorld } from '../support/sim-world.js';
import type { ServiceHabits, StoreLoad } from './cost-model.js';

/** Lets `services` processes live on one simulated store, and counts what they ask of it in `seconds`. */
export async function countLoad(services: number, habits: ServiceHabits, seconds: number): Promise<StoreLoad> {
  const world = new SimWorld();
  const clients = Array.from({ length: services }, () => world.client({ ttlMs: habits.ttlMs }));
  const groups = Math.ceil(services / habits.instancesEach);
  const closing = await Promise.all(clients.map((client, i) => settleIn(world, client, i, groups, habits)));
  await world.settle();
  const before = totals(clients);
  const stop = new AbortController();
  const working = clients.map((client, i) => keepLocking(client, i, habits, stop.signal));
  await world.advance(seconds * 1_000);
  const after = totals(clients);
  const { leases, watchers, keys } = world.host.stats();
  stop.abort();
  await world.until(Promise.all(working));
  for (const close of closing) close();
  await world.end();
  const rate = (name: keyof typeof before) => (after[name] - before[name]) / seconds;
  return {
    heartbeatsPerSecond: rate('leaseKeepAlive'),
    writesPerSecond: rate('write'),
    readsPerSecond: rate('read'),
    leases,
    watches: watchers,
    keys,
  };
}

/** Registered, and following what it needs; the function returned lets go of what the connection does not close. */
async function settleIn(world: SimWorld, { conclave }: Client, i: number, groups: number, habits: ServiceHabits) {
  const mine = i % groups;
  await world.until(conclave.registry.register({ service: `service-${mine}`, address: `10.0.0.1:${i + 1}` }));
  const found = Array.from({ length: habits.discovers }, (_, n) =>
    conclave.registry.discover(`service-${(mine + n + 1) % groups}`),
  );
  const flags = conclave.flags.watch();
  await world.until(Promise.all([flags.ready(), ...found.map((each) => each.ready())]));
  return () => {
    flags.close();
    for (const each of found) void each.close();
  };
}

/** Evenly over time, each service on a name of its own. */
function keepLocking(
  { conclave, runtime }: Client,
  i: number,
  habits: ServiceHabits,
  signal: AbortSignal,
): Promise<void> {
  const everyMs = 1_000 / habits.locksPerSecond;
  return new Promise((resolve) => {
    const turn = async () => {
      if (signal.aborted) return resolve();
      await (await conclave.lock(`work/${i}`)).release();
      runtime.setTimer(everyMs, () => void turn());
    };
    runtime.setTimer((everyMs * (i % 100)) / 100, () => void turn());
  });
}

function totals(clients: readonly Client[]) {
  const sum = (count: (client: Client) => number) => clients.reduce((total, client) => total + count(client), 0);
  const txns = sum(({ store }) => store.counts.txn);
  // A txn that only reads is a read to etcd, too: it is not in the log.
  const reads = sum(({ store }) => store.log.filter(({ request }) => isRead(request as TxnRequest)).length);
  const ranges = sum(({ store }) => store.counts.range);
  return { leaseKeepAlive: sum(({ store }) => store.counts.leaseKeepAlive), write: txns - reads, read: ranges + reads };
}

function isRead({ success = [], failure = [] }: Partial<TxnRequest>): boolean {
  return success.length > 0 && [...success, ...failure].every(({ type }) => type === 'range');
}
