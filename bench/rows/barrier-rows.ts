import { connect } from '../../src/connect/connect.js';
import { prefixEnd, utf8 } from '../../src/core/bytes.js';
import { deferred } from '../../src/core/deferred.js';
import { put } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';
import { bareStore } from '../client/bare-txns.js';
import { latencyOf } from '../client/loops.js';
import type { Lab } from '../lab.js';
import type { Opened, Row } from '../row.js';

const conclave = 'conclave';
const bare = 'puts and bare watches';

/** From the first party’s call until the last one has passed. */
export const barrierRows: readonly Row[] = [2, 8, 32].map((parties) => ({
  id: `barrier/cyclic-${parties}`,
  title: `a cyclic barrier of ${parties} connections: from the first call to the last pass, p50`,
  unit: 'ms',
  better: 'less',
  because: 'parties hang on leases and agree on their number: a read and a txn each, where the bare ones only put',
  comparisons: [{ of: conclave, to: bare }],
  open: (lab) => open(lab, parties),
}));

async function open(lab: Lab, parties: number): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const count = lab.scale.quick ? 20 : 100;
  const each = Array.from({ length: parties }, (_, i) => i);
  const connections = await Promise.all(each.map(() => connect(url)));
  const barriers = connections.map((connection) => connection.cyclicBarrier(`bench-${parties}`, { parties }));
  const stores = each.map(() => bareStore(url));
  const meetings = await Promise.all(stores.map((store) => meetingsOf(store, parties)));
  let round = 0;
  const pass = async () => void (await Promise.all(barriers.map((barrier) => barrier.wait())));
  const passBare = async () => {
    round += 1;
    await Promise.all(
      each.map(async (i) => {
        const all = meetings[i]?.(round);
        await stores[i]?.txn({ success: [put(`bench/meet-${parties}/${round}/${i}`, '')] });
        await all;
      }),
    );
  };
  for (let i = 0; i < 10; i++) await pass();
  for (let i = 0; i < 10; i++) await passBare();
  const time = (operation: () => Promise<void>) => () => latencyOf(count, async () => void (await operation()));
  const close = async () => {
    await Promise.all([...connections, ...stores].map((connection) => connection.close()));
  };
  const subjects = new Map([
    [conclave, time(pass)],
    [bare, time(passBare)],
  ]);
  return { subjects, close };
}

/** Resolves to what says when a round is full, to one party that watches all of them. */
async function meetingsOf(store: Store, parties: number): Promise<(round: number) => Promise<void>> {
  const prefix = utf8(`bench/meet-${parties}/`);
  const created = deferred();
  const here = new Map<number, number>();
  const waiting = new Map<number, () => void>();
  store.watch(
    { key: prefix, rangeEnd: prefixEnd(prefix) },
    {
      onCreated: () => created.resolve(),
      onEvents: (events) => {
        for (const { kv } of events) {
          const round = Number(Buffer.from(kv.key).toString().split('/')[2]);
          here.set(round, (here.get(round) ?? 0) + 1);
          if (here.get(round) === parties) waiting.get(round)?.();
        }
      },
      onEnd: () => {},
    },
  );
  await created.promise;
  return (round) =>
    new Promise((resolve) => {
      if (here.get(round) === parties) resolve();
      else waiting.set(round, resolve);
    });
}
