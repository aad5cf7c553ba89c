import { sleep } from '../clock.js';
import { type Client, expectError, type Work } from './work.js';

/** Adds one to a counter that all share, alone or several at a time; what is told is the value that each made. */
export const additionWork: Work = {
  run: async (client) => {
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      const adds = Array.from({ length: client.random.pick([1, 1, 3]) }, () => addOne(client));
      await Promise.all(adds);
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
