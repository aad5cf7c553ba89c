import type { Handler, WorkOptions } from '../../../src/queue/consume.js';
import type { Job } from '../../../src/queue/job.js';
import type { Tick } from '../../../src/queue/record.js';
import type { Pending } from '../../../src/sim/history.js';
import type { OutputOf } from '../../../src/sim/vocabulary.js';
import { sleep } from '../clock.js';
import { settle } from './queue.js';
import { type Client, expectError, readHeld, type Work, watchHeld } from './work.js';

/** Single runs, and a queue with schedules of its own: where they stand on the store. */
export const scheduleSites = [
  { object: 'schedule/s', root: 'schedules/s/' },
  { object: 'schedule/q', root: 'queues/q/' },
] as const;

const options = { maxAttempts: 5, backoff: { firstMs: 100, mostMs: 1000 } };
const everyMs = 1_000;

/** Stands ready for runs and for the jobs of schedules, for a while at a time; schedules are declared and removed. */
export const scheduleWork: Work = {
  run: async (client) => {
    await Promise.all([again(client, singleRuns), again(client, queueSchedules)]);
  },
};

/** What a tick has added, in words. */
export function tickItem(tick: Tick | undefined, id: string): string {
  return `${tick?.schedule}@${tick?.atMs}#${id}`;
}

type Stand = (client: Client, until: AbortSignal) => Promise<unknown>;

async function again(client: Client, stand: Stand): Promise<void> {
  const { finishing, random } = client;
  // Bounded by the suite, which tells when to finish.
  while (!finishing.aborted) {
    const enough = new AbortController();
    const timer = setTimeout(() => enough.abort(), random.between(1_000, 8_000));
    const until = AbortSignal.any([finishing, enough.signal]);
    try {
      await stand(client, until);
    } catch (error) {
      if (!until.aborted) {
        expectError(client, error);
        await sleep(random.between(20, 100));
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

async function singleRuns(client: Client, signal: AbortSignal): Promise<void> {
  const { conclave, random } = client;
  const schedule = conclave.schedule('s', { ...options, everyMs, missed: 'once' });
  // Also what a clock that was far ahead has put off comes back so.
  if (random.chance(0.1)) await schedule.delete({ signal, timeoutMs: 3_000 });
  await taking(client, 'schedule/s', (handler) => schedule.run(handler, { signal }));
}

async function queueSchedules(client: Client, signal: AbortSignal): Promise<void> {
  const { conclave, random } = client;
  const queue = conclave.queue<null>('q', options);
  const name = random.pick(['a', 'b']);
  if (random.chance(0.2)) await queue.unschedule(name, { signal, timeoutMs: 3_000 });
  const rhythm = random.pick([{ everyMs }, { everyMs: 2 * everyMs }, { cron: '*/3 * * * * *' }]);
  const policy = {
    missed: random.pick(['skip', 'once'] as const),
    overlap: random.pick(['allow', 'skip', 'wait'] as const),
  };
  await queue.schedule(name, { ...rhythm, ...policy, payload: null, signal, timeoutMs: 3_000 });
  await taking(client, 'schedule/q', (handler) => queue.consume(handler, { signal } satisfies WorkOptions<null>));
}

/** Consumes by `consume`, with every claim and every end written down. */
async function taking(
  client: Client,
  object: string,
  consume: (handler: Handler<null>) => Promise<unknown>,
): Promise<void> {
  const invoke = () => client.recorder.invoke(client.name, object, 'queue.take', null);
  let take: Pending<OutputOf<'queue.take'>> = invoke();
  try {
    await consume(async (job) => {
      const item = tickItem(job.tick, job.id);
      take.ok({ item, claim: job.fence, lease: job.leaseId });
      take = invoke();
      await oneRun(client, object, job, item);
    });
  } finally {
    take.unknown(new Error('a job may have been claimed, and given back or lost'));
  }
}

async function oneRun(client: Client, object: string, job: Job<null>, item: string): Promise<void> {
  const { random, recorder, name } = client;
  const over = watchHeld(client, object, job);
  client.tell({ type: 'progress', holding: object });
  // Now and then for longer than the rhythm.
  await sleep(random.between(20, random.pick([60, 60, 60, 1_500])));
  recorder.note(name, object, 'queue.worked', { item });
  over();
  client.tell({ type: 'progress', holding: null });
  if (client.config.variant === 'stale') return sayDone(client, object, job, item);
  if (random.chance(0.1)) throw new Error('failed');
  if (readHeld(client, object, job)) await settle(client, object, job, item, 'ack');
}

/** The planted failure: who was handed a run takes it for its own for ever. */
function sayDone({ recorder, name }: Client, object: string, { fence: claim }: Job<null>, item: string): void {
  recorder.invoke(name, object, 'queue.ack', { item, claim }).ok(null);
}
