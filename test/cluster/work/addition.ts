import type { RateLimiter } from '../../../src/counter/rate-limiter.js';
import { sleep } from '../clock.js';
import { type Client, expectError, type Work } from './work.js';

const blocks = [1, 7];
/** Far less than is asked for, on a busy machine too. */
const rate = { limit: 2, perMs: 1_000, burst: 2 } as const;

/**
 * Adds one to a counter that all share, alone or several at a time, what is told is the value that each made; draws
 * numbers that nobody else may get; asks whether it may do something, as often as all together may.
 */
export const additionWork: Work = {
  run: async (client) => {
    const numbers = blocks.map((block) => sequenceOf(client, block));
    const limiter = client.conclave.rateLimiter(limitName(client), rate);
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      const adds = Array.from({ length: client.random.pick([1, 1, 3]) }, () => addOne(client));
      const next = client.random.pick(numbers);
      await Promise.all([...adds, draw(client, next), ask(client, limiter)]);
      client.tell({ type: 'progress' });
      await sleep(client.random.between(0, 30));
    }
  },
};

async function addOne(client: Client): Promise<void> {
  const { config, recorder, name } = client;
  const counter = client.conclave.counter(config.names[0] as string);
  const pending = recorder.invoke(name, `counter/${counter.name}`, 'counter.add', { delta: 1n });
  try {
    pending.ok({ value: config.variant === 'sound' ? await counter.add(1n) : await addUnseen(client) });
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}

/** The control: whatever somebody else has added between the look and the write is lost. */
async function addUnseen({ conclave, config, random }: Client): Promise<bigint> {
  const counter = conclave.counter(config.names[0] as string);
  const value = (await counter.get()) + 1n;
  await sleep(random.between(0, 20));
  await counter.set(value);
  return value;
}

type Draw = () => Promise<bigint>;

function sequenceOf(client: Client, block: number): Draw {
  const { conclave, config } = client;
  const name = config.names[0] as string;
  if (config.variant !== 'stale') {
    const sequence = conclave.sequence(name, { block });
    return () => sequence.next();
  }
  // The planted failure: what somebody else has drawn between the look and the write is given again.
  const last = conclave.counter(name);
  return async () => {
    const id = (await last.get()) + 1n;
    await last.set(id);
    return id;
  };
}

async function draw(client: Client, next: Draw): Promise<void> {
  const { config, recorder, name } = client;
  const pending = recorder.invoke(name, `sequence/${config.names[0]}`, 'sequence.next', null);
  try {
    pending.ok({ id: await next() });
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}

/** The planted failure: each counts for itself. */
function limitName({ config, name }: Client): string {
  return config.variant === 'stale' ? name : (config.names[0] as string);
}

async function ask(client: Client, limiter: RateLimiter): Promise<void> {
  const { config, recorder, name } = client;
  const { burst, limit, perMs } = rate;
  const input = { burst, intervalMs: perMs / limit };
  const pending = recorder.invoke(name, `limit/${config.names[0]}`, 'limit.take', input);
  try {
    pending.ok({ allowed: (await limiter.take()).allowed });
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}
