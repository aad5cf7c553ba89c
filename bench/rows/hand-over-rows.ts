import type { Conclave } from '../../src/conclave.js';
import { connect } from '../../src/connect/connect.js';
import type { Held } from '../../src/line/held.js';
import { put } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';
import { bareStore } from '../client/bare-txns.js';
import { latencyOf, latencySample } from '../client/loops.js';
import type { Lab } from '../lab.js';
import type { Opened, Row, Sample } from '../row.js';

const conclave = 'conclave';
const bare = 'bare txn round trip';
/** etcd serves watches that begin in the past only so often. */
const tickMs = 100;
const name = 'bench/contended';
/** A waiter makes its watch and looks once more: two round trips. */
const settleMs = 4;

/** A lock that many want: from the call of `release()` to the next holder's `lock()` having resolved. */
export const handOverRows: readonly Row[] = [2, 8, 32, 128].map((waiters) => ({
  id: `lock/hand-over-${waiters}`,
  title: `hand-over of one lock among ${waiters} sessions, p50`,
  unit: 'ms',
  better: 'less',
  comparisons: [{ of: conclave, to: bare, aim: 1 / 3 }],
  bounds: [{ of: conclave, detail: 'p99 ms', atMost: 0.9 * tickMs }],
  point: { chart: 'lock-hand-over', x: waiters, xLabel: 'sessions in line' },
  open: (lab) => open(lab, waiters),
}));

async function open(lab: Lab, waiters: number): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const sessions = await Promise.all(Array.from({ length: waiters }, () => connect(url)));
  for (const each of sessions) await each.session.open();
  const floor = bareStore(url);
  const handOvers = lab.scale.quick ? 30 : 150;
  return {
    subjects: new Map([
      [conclave, () => handOver(sessions, handOvers)],
      [bare, () => roundTrip(floor, handOvers)],
    ]),
    close: async () => {
      await Promise.all(sessions.map((each) => each.close()));
      await floor.close();
    },
  };
}

/**
 * One hand-over after another; who has let go stands in line again before the next, so that only the hand-over itself
 * is under way while it is measured.
 */
async function handOver(sessions: readonly Conclave[], count: number): Promise<Sample> {
  const line: { readonly conclave: Conclave; readonly turn: Promise<Held> }[] = [];
  const join = async (conclave: Conclave) => {
    line.push({ conclave, turn: conclave.lock(name) });
    await standing(conclave, line.length);
  };
  for (const each of sessions) await join(each);
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const first = line.shift();
    const next = line[0];
    if (first === undefined || next === undefined) throw new Error('nobody to hand over to');
    const held = await first.turn;
    const startedAtMs = performance.now();
    const released = held.release();
    await next.turn;
    times.push(performance.now() - startedAtMs);
    await released;
    await join(first.conclave);
  }
  for (const { turn } of line) await (await turn).release();
  return latencySample(times);
}

/** Resolves when so many are in the line, and the last of them has had the time to look and to wait. */
async function standing(conclave: Conclave, size: number): Promise<void> {
  // Bounded by the lock that is under way.
  for (;;) {
    const { holder, waiters } = await conclave.inspectLock(name);
    if ((holder === null ? 0 : 1) + waiters.length === size) break;
  }
  await new Promise((resolve) => setTimeout(resolve, settleMs));
}

/**
 * One txn at a time, each after the same pause as a hand-over: a process and a connection that slept have to wake up.
 */
export function roundTrip(store: Store, count: number): Promise<Sample> {
  return latencyOf(count, async () => {
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const startedAtMs = performance.now();
    await store.txn({ success: [put('bench/round-trip', 'x')] });
    return performance.now() - startedAtMs;
  });
}
