import type { Cache } from '../../../src/cache/cache.js';
import { utf8 } from '../../../src/core/bytes.js';
import { put, remove } from '../../../src/store/ops.js';
import { sleep, until } from '../clock.js';
import { type Client, expectError, type Observing, type Work } from './work.js';

/** In which every view must show the last state, after everything is healed. */
const settleBoundMs = 15_000;

/** By the client: what writes reads as well. */
const caches = new WeakMap<Client, Cache<string>>();

/** Keys that all clients write and delete, and a cache in each of them that is read as new as it needs to be. */
export const cacheWork: Work = {
  run: async (client) => {
    // Bounded by the suite, which tells when to finish.
    for (let turn = 1; !client.finishing.aborted; turn++) {
      await write(client, `${client.name}.${turn}`);
      await read(client);
      client.tell({ type: 'progress' });
      await sleep(client.random.between(0, 40));
    }
  },
  observe: (client) => {
    const cache = cacheOf(client);
    return { settle: () => settled(client, cache), done: follow(client, cache) } satisfies Observing;
  },
};

function cacheOf(client: Client): Cache<string> {
  const known = caches.get(client);
  if (known !== undefined) return known;
  const cache = client.conclave.cache(prefixOf(client), { decode: 'text' });
  caches.set(client, cache);
  return cache;
}

async function write(client: Client, value: string): Promise<void> {
  const { recorder, name, random, store } = client;
  const [a, b] = [random.below(4), random.below(4)];
  const gone = random.chance(0.3) && a !== b ? [remove(`${prefixOf(client)}${b}`)] : [];
  const pending = recorder.invoke(name, objectOf(client), 'cache.write', null);
  try {
    const { header } = await store.txn({ success: [put(`${prefixOf(client)}${a}`, value), ...gone] });
    pending.ok({ revision: header.revision });
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}

async function read(client: Client): Promise<void> {
  const { recorder, name, random, config } = client;
  const consistent = random.chance(0.5);
  const maxStaleMs = consistent ? null : random.pick([null, 20, 1_000]);
  const pending = recorder.invoke(name, objectOf(client), 'cache.read', { consistent, maxStaleMs, minRevision: 0n });
  try {
    // The planted failure: what is there is taken for the present.
    const asked = config.variant === 'stale' ? {} : { consistent, maxStaleMs: maxStaleMs ?? undefined };
    const view = await cacheOf(client).read({ ...asked, timeoutMs: 5_000 });
    pending.ok({ revision: view.revision });
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}

async function follow(client: Client, cache: Cache<string>): Promise<void> {
  const { closing, recorder, name } = client;
  const observer = 'only';
  const look = () => {
    const shown = cache.view.entries.map(({ key, value }) => `${key} ${value}`);
    recorder.note(name, objectOf(client), 'view', { observer, revision: cache.revision, value: JSON.stringify(shown) });
  };
  cache.events.on('change', look);
  try {
    await cache.ready({ signal: closing });
    for await (const _ of cache.changes({ signal: closing }));
  } catch (error) {
    if (!closing.aborted) expectError(client, error);
  }
  cache.close();
  recorder.note(name, objectOf(client), 'view.end', { observer });
}

/** Until the cache shows what the store has. */
async function settled(client: Client, cache: Cache<string>): Promise<void> {
  const key = utf8(prefixOf(client));
  const request = { key, rangeEnd: utf8(`${prefixOf(client).slice(0, -1)}0`) };
  await until(settleBoundMs, async () => {
    const there = await client.store.range(request).catch(() => undefined);
    if (there === undefined || there.kvs.length !== cache.view.entries.length) return false;
    return there.kvs.every((kv) => cache.get(kv.key)?.modRevision === kv.modRevision);
  });
}

function prefixOf({ config }: Client): string {
  return config.names[0] as string;
}

function objectOf(client: Client): string {
  return `cache/${prefixOf(client)}`;
}
