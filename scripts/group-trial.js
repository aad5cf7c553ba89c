// What a job of a queue costs etcd after so many were done since the last compaction: ms of CPU of an etcd of its own, by
// the number of groups that the jobs are spread over; 0: they have none.
// Run: npm run build && node scripts/group-trial.js [--groups 0 --groups 1 --groups 50] [--done 100,1000,3000,10000]
import { parseArgs } from 'node:util';
import { connect } from '../dist/index.js';
import { cpuMs, startServer } from './trial-server.js';

/** Jobs that are measured, after each number of others. */
const measured = 200;

const { values } = parseArgs({
  options: {
    groups: { type: 'string', multiple: true, default: ['0', '1', '50'] },
    done: { type: 'string', default: '100,1000,3000,10000' },
  },
});
async function costsOf({ url, pid }, groups, targets) {
  const conclave = await connect(url);
  const work = new Work(conclave.queue('group-trial'), groups);
  const costs = [];
  for (const target of targets) {
    if (target > work.done) await work.run(target - work.done);
    const before = cpuMs(pid);
    await work.run(measured);
    costs.push([target, (cpuMs(pid) - before) / measured]);
  }
  await work.stop();
  await conclave.close();
  return costs;
}

/** Jobs that are enqueued and done by eight handlers of one process. */
class Work {
  done = 0;
  #queue;
  #groups;
  #wake = () => {};
  #ended = new AbortController();
  #consuming;

  constructor(queue, groups) {
    this.#queue = queue;
    this.#groups = groups;
    const handler = async () => {
      this.done += 1;
      this.#wake();
    };
    this.#consuming = queue.consume(handler, { concurrency: 8, signal: this.#ended.signal }).catch((error) => error);
  }

  async run(count) {
    const target = this.done + count;
    const isOver = new Promise((resolve) => {
      this.#wake = () => this.done >= target && resolve();
    });
    for (let i = 0; i < count; i += measured) {
      const jobs = Array.from({ length: Math.min(measured, count - i) }, (_, k) => i + k);
      await Promise.all(jobs.map((job) => this.#queue.enqueue({ job }, this.#groupOf(job))));
    }
    await isOver;
  }

  async stop() {
    this.#ended.abort();
    await this.#consuming;
  }

  #groupOf(job) {
    return this.#groups === 0 ? {} : { group: `g${job % this.#groups}` };
  }
}

for (const groups of values.groups.map(Number)) {
  const etcd = await startServer('etcd', { inMemory: true });
  try {
    const costs = await costsOf(etcd, groups, values.done.split(',').map(Number));
    console.log(`${groups} groups: ${costs.map(([done, ms]) => `after ${done} ${ms.toFixed(2)} ms`).join(', ')}`);
  } finally {
    await etcd.stop();
  }
}
