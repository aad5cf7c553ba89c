import { utf8Text } from '../../../src/core/bytes.js';
import type { Held } from '../../../src/line/held.js';
import { get, put, rangeAt } from '../../../src/store/ops.js';
import { sleep } from '../clock.js';
import { countIn } from './counter.js';
import { type Client, callAsHolder, expectError, type Holding } from './work.js';

/** Between the read and the write: whoever is stopped now has something to spoil. */
export function tellHolding(client: Client, line: string): void {
  client.tell({ type: 'progress', holding: line });
}

/** Reads a counter in etcd and writes it one higher, guarded: unless the client is one that breaks the rules. */
export async function addOne(
  client: Client,
  name: string,
  line: string,
  held: Holding & Pick<Held, 'guard'>,
  turn: string,
): Promise<void> {
  const key = `data/${name}`;
  const saw = await readCounter(client, key);
  if (saw === undefined) return;
  const careless = client.config.variant !== 'sound';
  const long = careless || client.random.chance(0.1);
  // Told only when there is time to stop this process in the middle of it.
  if (long) tellHolding(client, line);
  await sleep(long ? client.random.between(20, 60) : client.random.between(0, 4));
  const wrote = `${countIn(saw) + 1}:${turn}`;
  const input = { line, fence: held.fence, saw, wrote };
  const call = () => client.recorder.invoke(client.name, key, 'guarded.write', input);
  const pending = callAsHolder(client, line, held, call, careless);
  if (pending === undefined) return;
  try {
    const guards = careless ? [] : [held.guard()];
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
