import type { WatchedConfig } from '../../../src/config/watched-config.js';
import { ConclaveError } from '../../../src/core/errors.js';
import { sleep, until } from '../clock.js';
import { countIn } from './counter.js';
import { type Client, expectError, type Observing, type Work } from './work.js';

/** In which every view must show the last state, after everything is healed. */
const settleBoundMs = 15_000;

/** What stands below the prefix: two values that are written together, and a counter that is written by comparing. */
interface Settings {
  readonly left?: string;
  readonly right?: string;
  readonly count?: string;
}

/** Writes configuration, whatever is there or only if nobody was faster; every client looks on. */
export const configWork: Work = {
  run: async (client) => {
    let turn = 0;
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      turn += 1;
      const name = `${client.name}.${turn}`;
      if (client.random.chance(0.5)) await addOne(client, name);
      else await writePair(client, name);
      client.tell({ type: 'progress' });
      await sleep(client.random.between(0, 40));
    }
  },
  observe: (client) => {
    const watched = client.conclave.config.watch<Settings>({ prefix: placeOf(client), fallback: {} });
    return { settle: async () => settled(client, await watched), done: follow(client, watched) } satisfies Observing;
  },
};

/** Watchers see both or neither. */
async function writePair(client: Client, value: string): Promise<void> {
  const { conclave, recorder, name } = client;
  const pending = recorder.invoke(name, objectOf(client), 'config.set', { value });
  try {
    await conclave.config.setAll({ left: value, right: value }, { prefix: placeOf(client) });
    pending.ok(null);
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}

/** Nobody's number is overwritten by somebody who had not seen it. */
async function addOne(client: Client, turn: string): Promise<void> {
  const { conclave, recorder, name } = client;
  const key = `${placeOf(client)}/count`;
  const saw = await conclave.config.get(key).catch((error: unknown) => expectError(client, error));
  if (saw === undefined) return;
  const value = `${countIn(String(saw?.value ?? '')) + 1}:${turn}`;
  // As it stands on the store.
  const wrote = JSON.stringify(value);
  const pending = recorder.invoke(name, objectOf(client), 'config.compareAndSet', { wrote });
  const { config } = conclave;
  try {
    // The control: whoever writes last wins.
    if (client.config.variant === 'unfenced') await config.set(key, value);
    else await config.compareAndSet(key, value, { expectRevision: saw?.revision ?? 0n });
    pending.ok({ applied: true });
  } catch (error) {
    pending.threw(error);
    if (!ConclaveError.is(error, 'CONFLICT')) expectError(client, error);
  }
}

async function follow(client: Client, watched: Promise<WatchedConfig<Settings>>): Promise<void> {
  const { closing, recorder, name } = client;
  const observer = 'only';
  try {
    const config = await watched;
    let before: Settings = {};
    const look = () => {
      const { value, revision } = config;
      // Before the store has answered, the fallback is shown: at no revision.
      if (revision === 0n) return;
      // The planted failure: one key of a txn comes later than the other, as to whoever reads them one by one.
      const seen = client.config.variant === 'stale' ? { ...value, right: before.right ?? '' } : value;
      before = value;
      recorder.note(name, objectOf(client), 'view', { observer, revision, value: viewOf(seen) });
    };
    look();
    for await (const _ of config.changes({ signal: closing })) look();
  } catch (error) {
    if (!closing.aborted) expectError(client, error);
  }
  recorder.note(name, objectOf(client), 'view.end', { observer });
}

/** Until the view shows what the store has. */
async function settled(client: Client, config: WatchedConfig<Settings>): Promise<void> {
  const names = ['left', 'right', 'count'] as const;
  await until(settleBoundMs, async () => {
    const kept = await Promise.all(
      names.map((each) => client.conclave.config.get(`${placeOf(client)}/${each}`).catch(() => undefined)),
    );
    return kept.every((each, i) => each !== undefined && each?.value === config.value[names[i] as keyof Settings]);
  });
}

/** As the values stand on the store, by their names. */
function viewOf(value: Settings): string {
  const pairs = Object.entries(value).map(([key, each]) => `${key} ${JSON.stringify(each)}`);
  return JSON.stringify(pairs.sort());
}

function placeOf({ config }: Client): string {
  return config.names[0] as string;
}

function objectOf(client: Client): string {
  return `config/${placeOf(client)}`;
}
