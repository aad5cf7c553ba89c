import { utf8Text } from '../../../src/core/bytes.js';
import type { Held } from '../../../src/line/held.js';
import { get, put, rangeAt } from '../../../src/store/ops.js';
import { monotonicMs, sleep } from '../clock.js';
import { type Access, OutsideClient } from '../outside-store.js';
import { countIn } from './counter.js';
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
  if (outside === undefined) await writeEtcd(client, name, line, held, turn);
  else await writeOutside(client, outside, name, line, held, turn);
  over();
  client.tell({ type: 'progress', holding: null });
  await release(client, line, held);
}

/** Between the read and the write: whoever is stopped now has something to spoil. */
function tellHolding(client: Client, line: string): void {
  client.tell({ type: 'progress', holding: line });
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

async function writeEtcd(client: Client, name: string, line: string, held: Held, turn: string): Promise<void> {
  const key = `data/${name}`;
  const saw = await readCounter(client, key);
  if (saw === undefined) return;
  const stale = client.config.variant === 'stale';
  const long = stale || client.random.chance(0.1);
  // Told only when there is time to stop this process in the middle of it.
  if (long) tellHolding(client, line);
  await sleep(long ? client.random.between(20, 60) : client.random.between(0, 4));
  const wrote = `${countIn(saw) + 1}:${turn}`;
  const input = { line, fence: held.fence, saw, wrote };
  const call = () => client.recorder.invoke(client.name, key, 'guarded.write', input);
  const pending = callAsHolder(client, line, held, call, stale);
  if (pending === undefined) return;
  try {
    const guards = stale ? [] : [held.guard()];
    const txn = await client.store.txn({ compare: guards, success: [put(key, wrote)] });
    pending.ok({ applied: txn.succeeded, ...(txn.succeeded && { position: txn.header.revision }) });
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}

async function readCounter(client: Client, key: string): Promise<string | undefined> {
  try {
    const kv = rangeAt(await client.store.txn({ success: [get(key)] }), 0).kvs[0];
    return kv === undefined ? '' : utf8Text(kv.value);
  } catch (error) {
    expectError(client, error);
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
