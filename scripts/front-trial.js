// What a call that `conclave serve --upstream` hands on costs it: µs of CPU of its process a put, and an event of a watch,
// with one caller and with 64, in front of an etcd of its own. Several builds are measured in turn.
// Run: npm run build && node scripts/front-trial.js [--rounds 3] [--dist dist --dist OTHER …]
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { connect } from '../dist/index.js';
import { cpuMs, startServer } from './trial-server.js';

const value = 'v'.repeat(100);

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    dist: { type: 'string', multiple: true, default: ['dist'] },
  },
});
const etcd = await startServer('etcd', { inMemory: true });
try {
  const costs = new Map();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const dist of values.dist) {
      for (const [what, us] of await measured(dist)) {
        const key = `${what}, ${dist}`;
        costs.set(key, [...(costs.get(key) ?? []), us]);
      }
    }
  }
  for (const [key, all] of [...costs].sort()) console.log(`${key}: ${all.map((us) => us.toFixed(1)).join(' ')} µs`);
} finally {
  await etcd.stop();
}

/** One server of that build, all loads one after the other. */
async function measured(dist) {
  const front = await startServer('front', { upstream: etcd.url, from: pathToFileURL(`${dist}/`) });
  const [through, direct] = await Promise.all([front.url, etcd.url].map((url) => connect(url, { batching: false })));
  const costOf = async (count, work) => {
    const before = cpuMs(front.pid);
    await work();
    return (1_000 * (cpuMs(front.pid) - before)) / count;
  };
  try {
    await puts(through, 8, 4_000);
    return [
      ['put, 1 caller', await costOf(6_000, () => puts(through, 1, 6_000))],
      ['put, 64 callers', await costOf(30_000, () => puts(through, 64, 30_000))],
      ['watch event, 1 writer', await costOf(6_000, () => watched(through, direct, 1, 6_000))],
      ['watch event, 64 writers', await costOf(30_000, () => watched(through, direct, 64, 30_000))],
    ];
  } finally {
    await Promise.all([through.close(), direct.close()]);
    await front.stop();
  }
}

async function puts(conclave, callers, count) {
  let left = count;
  const caller = async (_, i) => {
    while (left-- > 0) await conclave.put(`front-trial/${i}`, value);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** Puts past the front, until their events have come through it. */
async function watched(through, direct, writers, count) {
  const { revision } = (await direct.range({ key: 'front-trial/0' })).header;
  const writing = puts(direct, writers, count);
  let seen = 0;
  const what = { prefix: 'front-trial/', startRevision: revision + 1n };
  for await (const { events } of through.watch(what)) {
    seen += events.length;
    if (seen >= count) break;
  }
  await writing;
}
