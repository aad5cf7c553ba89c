import { utf8Text } from '../../../src/core/bytes.js';
import { ConclaveError } from '../../../src/core/errors.js';
import type { EphemeralKey } from '../../../src/ephemeral/ephemeral-key.js';
import { showStanding } from '../../../src/sim/checkers/ephemeral.js';
import { put, remove } from '../../../src/store/ops.js';
import { sleep, until } from '../clock.js';
import { type Client, expectError, type Observing, type Work } from './work.js';

const object = 'ephemeral';
const prefix = 'e/';
const keepTimeoutMs = 10_000;
/** In which what stays must be back, after everything is healed. */
const settleBoundMs = 15_000;

/** By the client: how many it has kept so far, and who of them has given up which key. */
const kept = new WeakMap<Client, { count: number; readonly former: Map<string, string[]> }>();

/** Keys that several want are kept, changed, given up and swept away; each client has one that stays to the end. */
export const ephemeralWork: Work = {
  run: async (client) => {
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      if (client.random.chance(0.2)) await sweep(client);
      else await visit(client, client.random.pick(client.config.names));
      client.tell({ type: 'progress' });
    }
  },
  observe: (client) => {
    const staying = keep(client, stayingKey(client), false);
    return {
      settle: async () => settled(client, await staying),
      done: (async () => void (await staying))(),
    } satisfies Observing;
  },
};

interface Keeping {
  readonly owner: string;
  readonly ephemeral: EphemeralKey;
  valueAt(turn: number): string;
}

async function visit(client: Client, key: string): Promise<void> {
  const { random } = client;
  const keeping = await keep(client, key, random.chance(0.4));
  if (keeping === undefined) return sleep(random.between(20, 100));
  const { owner, ephemeral, valueAt } = keeping;
  const updates = random.below(3);
  for (let turn = 1; turn <= updates; turn++) {
    await sleep(random.between(0, 60));
    await call(client, 'ephemeral.update', key, () => ephemeral.update(valueAt(turn)));
  }
  await sleep(random.between(0, 100));
  const gone = await call(client, 'ephemeral.delete', key, () => ephemeral.delete());
  if (gone !== undefined) note(client, keeping, owner, 'registration.gone');
}

async function keep(client: Client, key: string, takes: boolean): Promise<Keeping | undefined> {
  const mine = kept.get(client) ?? { count: 0, former: new Map<string, string[]>() };
  kept.set(client, mine);
  mine.count += 1;
  const owner = `${client.name}.${mine.count}`;
  const former = mine.former.get(key) ?? [];
  mine.former.set(key, [...former, owner]);
  client.recorder.note(client.name, object, 'registration.begins', { owner, after: former });
  const valueAt = (turn: number) => showStanding(key, { owner, takes, turn });
  const options = { takeOver: takes, timeoutMs: keepTimeoutMs };
  const made = await call(client, 'ephemeral.keep', key, async () => {
    if (client.config.variant === 'stale') await putOver(client, key, valueAt(0));
    return client.conclave.ephemeral(prefix + key, valueAt(0), options);
  });
  return made === undefined ? undefined : { owner, ephemeral: made.value, valueAt };
}

/** The planted failure: what stands there is not looked at. */
async function putOver({ store, conclave }: Client, key: string, value: string): Promise<void> {
  await conclave.session.open();
  await store.txn({ success: [put(prefix + key, value, { leaseId: conclave.session.leaseId })] });
}

async function sweep(client: Client): Promise<void> {
  const key = client.random.pick([...client.config.names, stayingKey(client)]);
  await client.store.txn({ success: [remove(prefix + key)] }).catch((error: unknown) => expectError(client, error));
  await sleep(client.random.between(0, 40));
}

/** Undefined: it failed. */
async function call<T>(
  client: Client,
  op: string,
  key: string,
  work: () => Promise<T>,
): Promise<{ readonly value: T } | undefined> {
  const pending = client.recorder.invoke(client.name, object, op, { key });
  try {
    const value = await work();
    pending.ok(null);
    return { value };
  } catch (error) {
    pending.threw(error);
    // It is another's, or another has taken it.
    if (!ConclaveError.is(error, 'CONFLICT', 'RELEASED')) expectError(client, error);
    return undefined;
  }
}

/** Until what stays is back. */
async function settled(client: Client, keeping: Keeping | undefined): Promise<void> {
  if (keeping === undefined) return;
  const { ephemeral, owner } = keeping;
  await until(settleBoundMs, async () => {
    const kv = await client.conclave.get(ephemeral.key).catch(() => null);
    return kv !== null && ephemeral.status === 'kept' && utf8Text(kv.value).includes(` ${owner} `);
  });
  note(client, keeping, `${owner} 0`, 'registration.kept');
}

function note(
  client: Client,
  { ephemeral: { status, signal } }: Keeping,
  owner: string,
  fact: 'registration.kept' | 'registration.gone',
): void {
  const ended = signal.aborted ? String((signal.reason as { code?: string }).code) : null;
  client.recorder.note(client.name, object, fact, { owner, status, ended });
}

function stayingKey({ name }: Client): string {
  return `stays-${name}`;
}
