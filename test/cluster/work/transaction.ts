import { utf8Text } from '../../../src/core/bytes.js';
import type { KeyValue } from '../../../src/store/messages.js';
import { get, put, rangeAt, remove } from '../../../src/store/ops.js';
import { sleep } from '../clock.js';
import { type Client, expectError, type Work } from './work.js';

/** What one transaction does; whatever is appended to is read as well. */
interface Turn {
  readonly id: string;
  readonly reads: readonly string[];
  readonly appends: readonly string[];
  readonly clears: readonly string[];
}

/** Transactions that append their own id to some keys, and clear others, by what they have read. */
export const transactionWork: Work = {
  run: async (client) => {
    let turn = 0;
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      turn += 1;
      await oneTurn(client, drawTurn(client, `${client.name}.${turn}`));
      client.tell({ type: 'progress' });
      await sleep(client.random.between(0, 60));
    }
  },
};

function drawTurn({ config, random }: Client, id: string): Turn {
  const some = (chance: number) => config.names.filter(() => random.chance(chance));
  const appends = some(0.4);
  const clears = appends.length === 0 ? [] : some(0.2).filter((name) => !appends.includes(name));
  return { id, reads: [...new Set([...some(0.5), ...appends])], appends, clears };
}

async function oneTurn(client: Client, turn: Turn): Promise<void> {
  const pending = client.recorder.invoke(client.name, 'stm', 'stm.run', turn);
  try {
    pending.ok({
      seen: client.config.variant === 'sound' ? await run(client, turn) : await runUnguarded(client, turn),
    });
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}

function run({ conclave, random }: Client, { id, reads, appends, clears }: Turn): Promise<Record<string, string>> {
  return conclave.stm(async (tx) => {
    const seen: Record<string, string> = {};
    for (const key of reads) seen[key] = textOf(await tx.get(key));
    await sleep(random.between(0, 5));
    for (const key of appends) tx.put(key, appended(seen[key], id));
    for (const key of clears) tx.delete(key);
    return seen;
  });
}

/** The planted failure: whatever was written between its reads and its writes is lost. */
async function runUnguarded({ store, random }: Client, { id, reads, appends, clears }: Turn) {
  const txn = await store.txn({ success: reads.map((key) => get(key)) });
  const seen = Object.fromEntries(reads.map((key, i) => [key, textOf(rangeAt(txn, i).kvs[0] ?? null)]));
  await sleep(random.between(0, 20));
  const writes = [...appends.map((key) => put(key, appended(seen[key], id))), ...clears.map((key) => remove(key))];
  await store.txn({ success: writes });
  return seen;
}

function appended(before: string | undefined, id: string): string {
  return `${before ?? ''} ${id}`.trim();
}

function textOf(kv: KeyValue | null): string {
  return kv === null ? '' : utf8Text(kv.value);
}
