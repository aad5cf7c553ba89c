import { Redlock } from '@sesamecare-oss/redlock';
import { Etcd3 } from 'etcd3';
import { connect } from '../../src/connect/connect.js';
import { bareStore, lockCycle } from '../client/bare-txns.js';
import { rateOf, warmUp } from '../client/loops.js';
import type { Lab } from '../lab.js';
import type { Opened, Row } from '../row.js';
import { redisFile, startRedis } from '../servers/redis.js';
import type { Comparison } from '../verdict.js';

const conclave = 'conclave';
const etcd3 = 'npm etcd3';
const bare = 'two bare txns';
/** One Redis that syncs nothing, where there is one: no fence, no waiting line, and lost with its only server. */
const redlock = 'redlock';
const redis = redisFile();
const lockMs = 30_000;

/** Per number of callers: what is wanted against npm etcd3's lock, and against the same two txns unbatched. */
const aims = [
  {
    callers: 1,
    etcd3: 3,
    bare: 1 / 1.15,
    because: 'one caller waits for two requests and what is around them, and npm etcd3 for three',
  },
  { callers: 16, etcd3: 12, bare: undefined, because: 'batches of 16 at most, each an etcd request of its own' },
  { callers: 128, etcd3: 25, bare: 4, because: 'client and etcd share two cores, and each is busy most of the time' },
];

/** Locks that nobody else wants, of one process on one etcd. */
export const lockRows: readonly Row[] = aims.map((aim) => ({
  id: `lock/uncontended-${aim.callers}`,
  title: `acquire and release, ${aim.callers} ${aim.callers === 1 ? 'caller' : 'callers on different names'}`,
  unit: 'cycles/s',
  because: aim.because,
  better: 'more',
  comparisons: comparisons(aim.etcd3, aim.bare),
  point: { chart: 'lock-uncontended', x: aim.callers, xLabel: 'callers of one process' },
  open: (lab) => open(lab, aim.callers),
}));

function comparisons(etcd3Aim: number, bareAim: number | undefined): Comparison[] {
  return [
    { of: conclave, to: etcd3, aim: etcd3Aim },
    { of: conclave, to: bare, aim: bareAim },
    { of: conclave, to: etcd3, detail: 'client CPU µs' },
    ...(redis === undefined ? [] : [{ of: conclave, to: redlock }]),
  ];
}

async function open(lab: Lab, callers: number): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const ours = await connect(url);
  const theirs = new Etcd3({ hosts: url });
  const floor = bareStore(url);
  const operations: [string, (caller: number) => Promise<void>][] = [
    [conclave, async (caller) => (await ours.lock(`bench/${caller}`)).release()],
    [etcd3, async (caller) => (await theirs.lock(`bench/theirs/${caller}`).acquire()).release()],
    [bare, (caller) => lockCycle(floor, `bench/bare/${caller}`)],
  ];
  const rival = redis === undefined ? undefined : await startRedis(redis);
  if (rival !== undefined) {
    const manager = new Redlock([rival.client]);
    operations.push([
      redlock,
      async (caller) => void (await (await manager.acquire([`bench/${caller}`], lockMs)).release()),
    ]);
  }
  const { sampleMs } = lab.scale;
  await warmUp(
    callers,
    operations.map(([, operation]) => operation),
  );
  return {
    subjects: new Map(operations.map(([name, operation]) => [name, () => rateOf(callers, sampleMs, operation)])),
    close: async () => {
      await ours.close();
      theirs.close();
      await floor.close();
      await rival?.close();
    },
  };
}
