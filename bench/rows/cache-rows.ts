import { connect } from '../../src/connect/connect.js';
import { prefixEnd, utf8 } from '../../src/core/bytes.js';
import { put } from '../../src/store/ops.js';
import { bareStore } from '../client/bare-txns.js';
import { rateOf, warmUp } from '../client/loops.js';
import type { Lab } from '../lab.js';
import type { Measure, Opened, Row } from '../row.js';

const keyCount = 1_000;
const conclave = 'conclave';
const one = 'bare read of one key';
const all = 'bare read of all keys';

/** A prefix of 1,000 keys in memory, while others write elsewhere. */
export const cacheRows: readonly Row[] = [
  {
    id: 'cache/get',
    title: '`get` of one of 1,000 cached keys, 1 caller; behind the store by what the watch is',
    unit: 'reads/s',
    better: 'more',
    comparisons: [{ of: conclave, to: one }],
    open: (lab) => open(lab, 1, false),
  },
  ...[1, 64].map(
    (callers): Row => ({
      id: `cache/consistent-${callers}`,
      title: `consistent reads of 1,000 cached keys while others write elsewhere, callers: ${callers}`,
      unit: 'reads/s',
      better: 'more',
      fullOnly: callers === 1,
      because: 'etcd before 3.4.25 and 3.5.8 is asked for what has changed, for which it reads all keys of the range',
      comparisons: [
        { of: conclave, to: all },
        { of: conclave, to: one },
        { of: conclave, to: all, detail: 'client CPU µs' },
      ],
      open: (lab) => open(lab, callers, true),
    }),
  ),
];

async function open(lab: Lab, callers: number, consistent: boolean): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const [ours, floor, writer] = [await connect(url), bareStore(url), bareStore(url)];
  const prefix = 'bench/cache/';
  for (let i = 0; i < keyCount; i += 100) {
    const success = Array.from({ length: 100 }, (_, j) => put(`${prefix}${i + j}`, 'x'.repeat(100)));
    await writer.txn({ success });
  }
  const cache = ours.cache(prefix);
  await cache.read({ consistent: true });
  const [key, rangeEnd] = [utf8(prefix), prefixEnd(utf8(prefix))];
  const operations: [string, () => Promise<unknown>][] = [
    [conclave, consistent ? () => cache.read({ consistent: true }) : async () => cache.get(`${prefix}7`)],
    [one, () => floor.range({ key: utf8(`${prefix}7`) })],
  ];
  if (consistent) operations.push([all, () => floor.range({ key, rangeEnd })]);
  await warmUp(
    callers,
    operations.map(([, operation]) => operation),
  );
  const measure = (operation: () => Promise<unknown>): Measure => {
    return async () => {
      const stop = new AbortController();
      const writing = consistent ? writeElsewhere(writer, stop.signal) : undefined;
      const sample = await rateOf(callers, lab.scale.sampleMs, operation);
      stop.abort();
      await writing;
      return sample;
    };
  };
  const close = async () => {
    await ours.close();
    await Promise.all([floor.close(), writer.close()]);
  };
  return {
    subjects: new Map(operations.map(([name, operation]) => [name, measure(operation)])),
    close,
  };
}

async function writeElsewhere(store: ReturnType<typeof bareStore>, signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted; n++) await store.txn({ success: [put('bench/elsewhere', `${n}`)] });
}
