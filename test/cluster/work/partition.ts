import type { Held } from '../../../src/line/held.js';
import { sleep } from '../clock.js';
import { addOne } from './guarded-write.js';
import { type Client, expectError, type Holding, type Work, watchHeld } from './work.js';

const items = ['i0', 'i1', 'i2', 'i3', 'i4', 'i5'];
const settleMs = 300;

/** Takes part in sharing items, and leaves again; whoever has an item adds one to its counter again and again. */
export const partitionWork: Work = {
  run: async (client) => {
    const { conclave, config, finishing, random } = client;
    const partition = conclave.partition(config.names[0] as string, { items });
    // Bounded by the suite, which tells when to finish.
    while (!finishing.aborted) {
      try {
        await using share = await partition.join({ settleMs, signal: finishing }, (held) => count(client, held));
        await Promise.race([sleep(random.between(1_000, 6_000)), ended(share.signal), ended(finishing)]);
      } catch (error) {
        if (!finishing.aborted) expectError(client, error);
      }
      await sleep(random.between(0, 300));
    }
  },
};

/** When the item was asked for the history does not know: what it has as a lock is the time of the work on it. */
async function count(client: Client, held: Held): Promise<void> {
  const { recorder, name, random } = client;
  const line = `partition/${held.name}`;
  const { fence, leaseId: lease, key } = held;
  recorder.invoke(name, line, 'lock.acquire', null).ok({ fence, lease, key });
  const over = watchHeld(client, line, holdingOf(held));
  for (let turn = 0; !held.signal.aborted; turn++) {
    await addOne(client, held.name, line, held, `${name}.${fence}.${turn}`);
    client.tell({ type: 'progress', holding: null });
    await sleep(random.between(0, 40));
  }
  over();
  recorder.invoke(name, line, 'release', { fence }).ok(null);
}

/** Told to stop is not lost: the item stays this member's until its work has ended. */
function holdingOf(held: Held): Holding {
  const lost = new AbortController();
  held.onLost((error) => lost.abort(error));
  return {
    fence: held.fence,
    leaseId: held.leaseId,
    get held() {
      return held.held;
    },
    get remainingMs() {
      return held.remainingMs;
    },
    signal: lost.signal,
  };
}

function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
