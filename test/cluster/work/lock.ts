import type { Held } from '../../../src/line/held.js';
import { monotonicMs, sleep } from '../clock.js';
import { type Access, OutsideClient } from '../outside-store.js';
import { countIn } from './counter.js';
import { addOne, tellHolding } from './guarded-write.js';
import { type Client, callAsHolder, expectError, release, type Work, watchHeld } from './work.js';

const acquireTimeoutMs = 8000;

/** Takes locks and does under them what must not be done by two: adds one to a counter, in etcd or outside of it. */
export const lockWork: Work = {
  run: async (client) => {
    const { storePort } = client.config;
    const outside = storePort === undefined ? undefined : await OutsideClient.connect(storePort);
    let turn = 0;
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      turn += 1;
      await oneTurn(client, outside, `${client.name}.${turn}`);
    }
    outside?.close();
  },
};

async function oneTurn(client: Client, outside: OutsideClient | undefined, turn: string): Promise<void> {
  const name = client.random.pick(client.config.names);
  const line = `lock/${name}`;
  const held = await acquire(client, name, line);
  if (held === undefined) return sleep(client.random.between(20, 100));
  const over = watchHeld(client, line, held);
  if (outside === undefined) await addOne(client, name, line, held, turn);
  else await writeOutside(client, outside, name, line, held, turn);
  over();
  client.tell({ type: 'progress', holding: null });
  await release(client, line, held);
}

async function acquire(client: Client, name: string, line: string): Promise<Held | undefined> {
  const pending = client.recorder.invoke(client.name, line, 'lock.acquire', null);
  try {
    const held = await client.conclave.lock(name, { timeoutMs: acquireTimeoutMs, signal: client.finishing });
    const atMs = monotonicMs();
    // It may be over by the time that this process is told of it: then it was never a holder.
    const grant = held.held ? { fence: held.fence, lease: held.leaseId, key: held.key } : null;
    client.tape.at(atMs, () => pending.ok(grant));
    return grant === null ? undefined : held;
  } catch (error) {
    // Whatever went wrong, it must have left nothing behind.
    pending.fail(error);
    if (!client.finishing.aborted) expectError(client, error);
    return undefined;
  }
}

/** Without a look at `held` that counts: what is proved here is that the fence is enough. */
async function writeOutside(
  client: Client,
  outside: OutsideClient,
  name: string,
  line: string,
  held: Held,
  turn: string,
): Promise<void> {
  const object = `outside/${name}`;
  const fence = client.config.variant === 'sound' ? held.fence : null;
  const seen = await outside.read(object, fence);
  if (seen.refused) return;
  tellHolding(client, line);
  await sleep(client.random.between(5, 40));
  const wrote = `${countIn(seen.value) + 1}:${turn}`;
  const input = { line, fence: held.fence, saw: seen.value, wrote, outside: true };
  const call = () => client.recorder.invoke(client.name, object, 'guarded.write', input);
  const pending = callAsHolder(client, line, held, call, true);
  const written: Access<bigint> = await outside.write(object, fence, wrote);
  pending?.ok(written.refused ? { applied: false } : { applied: true, position: written.value });
}
