import { sleep } from '../clock.js';
import { type Client, expectError, type Work } from './work.js';

const parties = 2;
const giveUpMs = 3_000;

/** Pairs of whoever comes meet at a barrier, again and again; who finds nobody gives up after a while. */
export const barrierWork: Work = {
  run: async (client) => {
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      await meet(client);
      client.tell({ type: 'progress' });
      await sleep(client.random.between(0, 30));
    }
  },
};

async function meet(client: Client): Promise<void> {
  const { conclave, config, recorder, name, finishing } = client;
  const barrier = conclave.cyclicBarrier(config.names[0] as string, { parties });
  const pending = recorder.invoke(name, `cyclic/${barrier.name}`, 'doubleBarrier.enter', { parties });
  try {
    // The planted failure looks at nobody.
    if (config.variant === 'sound') await barrier.wait({ timeoutMs: giveUpMs, signal: finishing });
    pending.ok(null);
  } catch (error) {
    pending.threw(error);
    if (!finishing.aborted) expectError(client, error);
  }
}
