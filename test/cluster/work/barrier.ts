import { monotonicMs, sleep } from '../clock.js';
import { type Client, expectError, type Work } from './work.js';

const parties = 2;
const count = 2;
const giveUpMs = 3_000;
const leaveBoundMs = 8_000;
/** In one slot of time all do the same, under names that are used in no other. */
const slotMs = 800;

type Terms = { readonly parties: number } | { readonly count: number } | null;

type Turn = (client: Client, name: string) => Promise<void>;

/**
 * Two by two clients meet at double barriers, latches and barriers that one of them closes, and between them with
 * whoever comes at a cyclic barrier; who finds nobody gives up after a while.
 */
export const barrierWork: Work = {
  run: async (client) => {
    const turns: readonly Turn[] = [double, latch, gate];
    let last = 0;
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      const slot = Math.floor(monotonicMs() / slotMs);
      const turn = slot === last ? cycle : (turns[slot % turns.length] ?? cycle);
      last = slot;
      await turn(client, `${Math.floor(client.config.place / parties)}.${slot}`);
      client.tell({ type: 'progress' });
      await sleep(client.random.between(0, 30));
    }
  },
};

async function cycle(client: Client): Promise<void> {
  const name = client.config.names[0] as string;
  const barrier = client.conclave.cyclicBarrier(name, { parties });
  await met(client, `cyclic/${name}`, 'doubleBarrier.enter', { parties }, (ends) => barrier.wait(ends));
}

async function double(client: Client, name: string): Promise<void> {
  const { conclave, random } = client;
  const barrier = conclave.doubleBarrier(name, { parties });
  const object = `double/${name}`;
  if (!(await met(client, object, 'doubleBarrier.enter', { parties }, (ends) => barrier.enter(ends)))) return;
  client.tell({ type: 'progress', holding: object });
  await sleep(random.between(0, random.pick([10, 200])));
  client.tell({ type: 'progress', holding: null });
  await met(client, object, 'doubleBarrier.leave', { parties }, () => barrier.leave({ timeoutMs: leaveBoundMs }));
}

async function latch(client: Client, name: string): Promise<void> {
  const counted = client.conclave.countDownLatch(name, { count });
  const object = `latch/${name}`;
  await told(client, object, 'latch.countDown', { count }, () => counted.countDown({ timeoutMs: giveUpMs }));
  await met(client, object, 'latch.await', { count }, (ends) => counted.wait(ends));
  if (isFirst(client))
    await counted.delete({ timeoutMs: giveUpMs }).catch((error: unknown) => expectError(client, error));
}

/** One closes it and opens it again, the other passes as often as it can. */
async function gate(client: Client, name: string): Promise<void> {
  const { conclave, random } = client;
  const barrier = conclave.barrier(name);
  const object = `barrier/${name}`;
  if (isFirst(client)) {
    await told(client, object, 'barrier.raise', null, () => barrier.raise({ timeoutMs: giveUpMs }));
    await sleep(random.between(20, 300));
    await told(client, object, 'barrier.lift', null, () => barrier.lift({ timeoutMs: giveUpMs }));
    return;
  }
  for (let i = 0; i < 4; i++) {
    await met(client, object, 'barrier.await', null, (ends) => barrier.wait(ends));
    await sleep(random.between(0, 60));
  }
}

function isFirst({ config }: Client): boolean {
  return config.place % parties === 0;
}

/** Waits for others until it gives up. False: it has. The planted failure waits for nobody. */
function met(
  client: Client,
  object: string,
  op: string,
  input: Terms,
  wait: (ends: { readonly timeoutMs: number; readonly signal: AbortSignal }) => Promise<unknown>,
): Promise<boolean> {
  return told(client, object, op, input, async () => {
    if (client.config.variant === 'sound') await wait({ timeoutMs: giveUpMs, signal: client.finishing });
  });
}

async function told(
  client: Client,
  object: string,
  op: string,
  input: Terms,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const pending = client.recorder.invoke(client.name, object, op, input);
  try {
    await work();
    pending.ok(null);
    return true;
  } catch (error) {
    pending.threw(error);
    if (!client.finishing.aborted) expectError(client, error);
    return false;
  }
}
