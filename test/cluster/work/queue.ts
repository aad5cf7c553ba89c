import { utf8 } from '../../../src/core/bytes.js';
import type { Consumer } from '../../../src/queue/consumer.js';
import type { Job } from '../../../src/queue/job.js';
import type { Queue } from '../../../src/queue/queue.js';
import { monotonicMs, sleep } from '../clock.js';
import { type Client, expectError, readHeld, type Work, watchHeld } from './work.js';

const options = { maxAttempts: 5, backoff: { firstMs: 100, mostMs: 1000 } };
const takeTimeoutMs = 1500;
/** In which what is left must be done once nothing more comes in: below what the suite waits for. */
const drainBoundMs = 25_000;

/** Puts jobs in, takes jobs out and does them; whatever is there when the suite tells to finish is done as well. */
export const queueWork: Work = {
  run: async (client) => {
    const name = client.config.names[0] as string;
    const queue = client.conclave.queue<string>(name, options);
    await Promise.all([produce(client, queue), consume(client, queue)]);
  },
};

async function produce(client: Client, queue: Queue<string>): Promise<void> {
  const { random, recorder, name } = client;
  const object = `queue/${queue.name}`;
  let turn = 0;
  // Bounded by the suite, which tells when to finish.
  while (!client.finishing.aborted) {
    turn += 1;
    const items = Array.from({ length: random.pick([1, 1, 2, 4]) }, (_, i) => `${name}.${turn}.${i}`);
    const job = { priority: random.pick([0, 0, 0, 5]), delayMs: random.pick([0, 0, 0, 0, 300]) };
    const group = random.pick([undefined, undefined, 'g1', 'g2']);
    const input = { ...job, ...(group !== undefined && { group }) };
    const pending = items.map((item) => recorder.invoke(name, object, 'queue.enqueue', { item, ...input }));
    try {
      // The planted failure: jobs of a group that the queue is not told of.
      await queue.enqueueAll(items, client.config.variant === 'stale' ? job : input);
      // Its revision is told from the witness's log.
      for (const each of pending) each.ok({ revision: 0n });
      client.tell({ type: 'progress' });
    } catch (error) {
      for (const each of pending) each.threw(error);
      expectError(client, error);
    }
    // Slower than jobs are done.
    await sleep(random.between(20, 120));
  }
}

async function consume(client: Client, queue: Queue<string>): Promise<void> {
  let drainedByMs = Number.POSITIVE_INFINITY;
  let consumer: Consumer<string> | undefined;
  // Bounded by the suite, which tells when to finish, and then by `drainBoundMs`.
  while (!client.finishing.aborted || ((await undone(client, queue)) && monotonicMs() < drainedByMs)) {
    if (client.finishing.aborted && drainedByMs === Number.POSITIVE_INFINITY)
      drainedByMs = monotonicMs() + drainBoundMs;
    if (consumer?.signal.aborted !== false) consumer = await open(client, queue);
    if (consumer === undefined) await sleep(client.random.between(20, 100));
    else await oneJob(client, queue, consumer);
  }
  await consumer?.close();
}

/** Undefined: the store could not be asked. */
async function open(client: Client, queue: Queue<string>): Promise<Consumer<string> | undefined> {
  try {
    return await queue.consumer();
  } catch (error) {
    expectError(client, error);
    return undefined;
  }
}

async function oneJob(client: Client, queue: Queue<string>, consumer: Consumer<string>): Promise<void> {
  const object = `queue/${queue.name}`;
  const pending = client.recorder.invoke(client.name, object, 'queue.take', null);
  let job: Job<string>;
  try {
    job = await consumer.take({ timeoutMs: takeTimeoutMs });
  } catch (error) {
    // A job may have been claimed, and given back or lost.
    pending.unknown(error);
    expectError(client, error);
    return sleep(client.random.between(0, 50));
  }
  pending.ok({ item: job.payload, claim: job.fence, lease: job.leaseId });
  // The control says that it is done before it is.
  const early = client.config.variant === 'unfenced';
  if (early) await settle(client, object, job, job.payload, 'ack');
  const over = early ? () => {} : watchHeld(client, object, job);
  client.tell({ type: 'progress', holding: object });
  await sleep(early ? client.random.between(20, 60) : client.random.between(0, client.random.pick([4, 60])));
  client.recorder.note(client.name, object, 'queue.worked', { item: job.payload });
  over();
  client.tell({ type: 'progress', holding: null });
  if (early) return;
  // What is over is settled all the same now and then: the claim alone must keep it from counting.
  if (readHeld(client, object, job) || client.random.chance(0.3)) {
    await settle(client, object, job, job.payload, client.random.chance(0.9) ? 'ack' : 'nack');
  }
}

/** Acknowledges a job or gives it back, and writes down what came of it. */
export async function settle(
  client: Client,
  object: string,
  job: Pick<Job, 'fence' | 'ack' | 'nack'>,
  item: string,
  verdict: 'ack' | 'nack',
): Promise<void> {
  const input = { item, claim: job.fence };
  const pending = client.recorder.invoke(client.name, object, `queue.${verdict}`, input);
  try {
    await job[verdict]();
    pending.ok(null);
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}

/** Whether any job is neither done nor dead; true when the store cannot be asked. */
async function undone(client: Client, { name }: Queue<string>): Promise<boolean> {
  const count = async (part: string) => {
    const [key, rangeEnd] = [utf8(`queues/${name}/${part}/`), utf8(`queues/${name}/${part}0`)];
    return (await client.store.range({ key, rangeEnd, countOnly: true })).count;
  };
  try {
    return (await count('jobs')) > (await count('dead'));
  } catch (error) {
    expectError(client, error);
    return true;
  }
}
