import { Cache } from '../../cache/cache.js';
import type { CacheView } from '../../cache/cache-view.js';
import { pause } from '../../core/abort.js';
import { utf8, utf8Text } from '../../core/bytes.js';
import { inRange, type KeyRange, keyRange } from '../../engine/key-range.js';
import type { Revision } from '../../engine/key-record.js';
import { DelegatingStore } from '../../store/delegating-store.js';
import type { KeyValue } from '../../store/messages.js';
import { put, remove } from '../../store/ops.js';
import { SharedMirrors } from '../../store/shared-mirrors.js';
import { cache as cacheChecker } from '../checkers/cache.js';
import { convergenceThroughLostDeletes } from '../checkers/convergence.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import type { Recorder } from '../history.js';
import type { Json, Plan } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { told, untilGivesUp } from './expected-errors.js';

type CacheOperation = { readonly idleMs: number } & (
  | { readonly how: 'write'; readonly puts: readonly string[]; readonly deletes: readonly string[] }
  /** Something that nobody caches: the store goes on, the cache's watch is told nothing. */
  | { readonly how: 'aside' }
  /** What is there for a moment only. */
  | { readonly how: 'flash'; readonly key: string }
  /** Looks on until well after the last fault, and reads now and then. */
  | { readonly how: 'watch'; readonly asks: boolean; readonly readers: readonly (readonly CacheRead[])[] }
);

type CacheRead = {
  readonly idleMs: number;
  readonly consistent: boolean;
  readonly maxStaleMs: number | null;
  /** Reads what this client has written last. */
  readonly own: boolean;
  readonly abortAfterMs: number | null;
};

const prefix = 'a/';
const object = 'cache/a';
const keys = ['a/1', 'a/2', 'a/3', 'a/4'] as const;

/** After the last fault: a lost DELETE is found out. */
const recoveredMs = 20_000;

/** Keys that come, change and go, and caches of them that are read while they do. */
export const cacheWorkload: Workload = {
  name: 'cache',
  recordsKv: false,
  hasWatchers: true,
  keeps: (key) => key.startsWith(prefix) || key === 'b',
  checkers: [convergenceThroughLostDeletes, cacheChecker, noHangingPromise, nothingLeft],
  draw: (random, clients) =>
    Array.from({ length: clients }, (_, client) => {
      const turns = Array.from({ length: random.pick([2, 4, 8]) }, () => drawWrite(random));
      return client < 2 || random.chance(0.5) ? [[drawWatch(random)], turns] : [turns];
    }),
  stage: (plan) => new CacheStage(plan),
};

function drawWrite(random: Prng): CacheOperation {
  const idleMs = Math.round(random.between(0, random.pick([5, 200, 2000])));
  const how = random.pick(['write', 'write', 'write', 'flash', 'aside'] as const);
  if (how === 'aside') return { idleMs, how };
  if (how === 'flash') return { idleMs, how, key: random.pick(keys) };
  const chosen = keys.map((key) => [key, random.pick(['put', 'put', 'delete', 'leave', 'leave'] as const)] as const);
  const of = (what: string) => chosen.filter(([, each]) => each === what).map(([key]) => key);
  return { idleMs, how, puts: of('put'), deletes: of('delete') };
}

function drawWatch(random: Prng): CacheOperation {
  const idleMs = Math.round(random.between(0, random.pick([5, 1000])));
  const reader = () => {
    const thinkMs = random.pick([5, 100, 2000]);
    return Array.from({ length: random.pick([3, 10, 40]) }, () => drawRead(random, thinkMs));
  };
  const readers = Array.from({ length: random.pick([1, 1, 3]) }, reader);
  return { idleMs, how: 'watch', asks: random.chance(0.5), readers };
}

function drawRead(random: Prng, thinkMs: number): CacheRead {
  const kind = random.pick(['now', 'consistent', 'consistent', 'bounded', 'bounded'] as const);
  return {
    idleMs: Math.round(random.between(0, thinkMs)),
    consistent: kind === 'consistent',
    maxStaleMs: kind === 'bounded' ? random.pick([0, 5, 20, 100, 1_000]) : null,
    own: random.chance(0.2),
    abortAfterMs: random.chance(0.2) ? Math.round(random.between(0, 400)) : null,
  };
}

class CacheStage implements Stage {
  readonly #plan: Plan;
  readonly #caches: Cache<string>[] = [];
  readonly #range: KeyRange = keyRange(utf8(prefix), utf8('a0'));
  readonly #written = new Map<string, bigint>();
  #begun = false;
  #writes = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  changed({ truth, recorder }: SimServer, { revision, changes }: Revision): void {
    this.#begin(recorder);
    if (!changes.some(({ text }) => inRange(this.#range, text))) return;
    const { kvs } = truth.engine.space.scan(this.#range, undefined, 1000);
    recorder.note('server', object, 'state', { revision, value: shownOf(kvs) });
  }

  #begin(recorder: Recorder): void {
    if (!this.#begun) recorder.note('server', object, 'state', { revision: 1n, value: '' });
    this.#begun = true;
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as CacheOperation;
    this.#begin(client.recorder);
    await pause(client.process, turn.idleMs);
    switch (turn.how) {
      case 'watch':
        return this.#watch(client, turn);
      case 'aside':
        return this.#write(client, ['b'], []);
      case 'flash':
        await this.#write(client, [turn.key], []);
        return this.#write(client, [], [turn.key]);
      case 'write':
        return this.#write(client, turn.puts, turn.deletes);
    }
  }

  async end(): Promise<void> {
    for (const each of this.#caches) each.close();
  }

  async #write({ store, recorder, name }: SimClient, puts: readonly string[], deletes: readonly string[]) {
    this.#writes += 1;
    const value = `${this.#writes}`;
    const success = [...puts.map((key) => put(key, value)), ...deletes.map((key) => remove(key))];
    const pending = recorder.invoke(name, object, 'cache.write', null);
    await told(pending, async () => {
      const { header } = await store.txn({ success });
      this.#written.set(name, header.revision);
      return { revision: header.revision };
    });
  }

  async #watch(client: SimClient, turn: Extract<CacheOperation, { how: 'watch' }>): Promise<void> {
    const { process, recorder, name, context } = client;
    const store = turn.asks ? context.store : new NeverAsked(context.store);
    const cache = new Cache<string>({ ...context, store }, new SharedMirrors(store, process), prefix, {
      decode: 'text',
    });
    this.#caches.push(cache);
    const observer = `${name}-${this.#caches.length}`;
    const look = ({ revision, entries }: CacheView<string>) => {
      const value = entries.map((each) => `${each.key}=${each.value}@${each.modRevision}`).join(' ');
      recorder.note(name, object, 'view', { observer, revision, value });
    };
    cache.events.on('change', () => look(cache.view));
    await Promise.all(
      turn.readers.map(async (reads) => {
        for (const read of reads) await this.#read(client, cache, read, look);
      }),
    );
    await pause(process, Math.max(0, this.#plan.healAtMs + recoveredMs - client.world.nowMs));
  }

  async #read(
    { process, recorder, name }: SimClient,
    cache: Cache<string>,
    read: CacheRead,
    look: (view: CacheView<string>) => void,
  ): Promise<void> {
    const { idleMs, consistent, maxStaleMs, own, abortAfterMs } = read;
    await pause(process, idleMs);
    const minRevision = (own && this.#written.get(name)) || 0n;
    const pending = recorder.invoke(name, object, 'cache.read', { consistent, maxStaleMs, minRevision });
    await told(pending, async () => {
      const how = { consistent, maxStaleMs: maxStaleMs ?? undefined, minRevision };
      const view = await untilGivesUp(process, abortAfterMs, (signal) => cache.read({ ...how, signal }));
      look(view);
      return { revision: view.revision };
    });
  }
}

/** A server as etcd was before its notifications of progress were in order with events. */
class NeverAsked extends DelegatingStore {
  override requestProgress(): Promise<boolean> {
    return Promise.resolve(false);
  }
}

function shownOf(kvs: readonly KeyValue[]): string {
  return kvs.map(({ key, value, modRevision }) => `${utf8Text(key)}=${utf8Text(value)}@${modRevision}`).join(' ');
}
