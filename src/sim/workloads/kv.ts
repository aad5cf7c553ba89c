import { pause } from '../../core/abort.js';
import { prefixEnd, utf8 } from '../../core/bytes.js';
import { ConclaveError, type ErrorCode } from '../../core/errors.js';
import { WatchFilter } from '../../store/messages.js';
import { createdAt, get, modifiedAt, put, remove } from '../../store/ops.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { kvLinearizable } from '../checkers/kv-linearizable.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { watch } from '../checkers/watch.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure } from './expected-errors.js';

type KvOperation = { readonly idleMs: number } & (
  | { readonly how: 'put' | 'delete' | 'get'; readonly key: string; readonly onLease: boolean }
  /** Reads all keys, now or some revisions ago. */
  | { readonly how: 'list'; readonly back: number }
  /** Read, then write only if nobody has written meanwhile. */
  | { readonly how: 'swap'; readonly key: string }
  /** On a lease that is not there: refused, and nobody else with it. */
  | { readonly how: 'stray'; readonly key: string }
  /** Writes one key if another is not there: two of them in one revision could both have been too late. */
  | { readonly how: 'cross'; readonly key: string; readonly other: string }
  /** Two keys in one revision, if the first was never made. */
  | { readonly how: 'both'; readonly key: string; readonly other: string }
  | {
      readonly how: 'watch';
      readonly key: string | null;
      readonly back: number;
      readonly filter: number | null;
      readonly prevKv: boolean;
      readonly forMs: number | null;
    }
);

const prefix = 'kv/';
/** Leases have ids of 63 random bits. */
const strayLease = 1n;
const keys = ['kv/a', 'kv/b', 'kv/c'] as const;

/** Plain reads, writes, txns and watches: what everything else stands on. */
export const kvWorkload: Workload = {
  name: 'kv',
  recordsKv: true,
  hasWatchers: true,
  keeps: (key) => key.startsWith(prefix),
  checkers: [kvLinearizable, watch, heldInTime, leaseNotEarly, noHangingPromise, nothingLeft],
  draw: (random, clients) => {
    const turns = random.pick([3, 6, 10]);
    // Several side by side, so that there is something to be gathered.
    const tasks = random.pick([1, 4]);
    const script = () => Array.from({ length: turns }, () => drawOperation(random));
    return Array.from({ length: clients }, () => Array.from({ length: tasks }, script));
  },
  // It makes watches lie: that is what they are tested for.
  suffers: (word) => word !== 'dropped-delete',
  stage: () => new KvStage(),
};

function drawOperation(random: Prng): KvOperation {
  const idleMs = Math.round(random.between(0, random.pick([0, 5, 100, 1000])));
  const key = random.pick(keys);
  const hows = ['put', 'put', 'delete', 'get', 'list', 'swap', 'both', 'cross', 'stray', 'watch', 'watch'] as const;
  const how = random.pick(hows);
  switch (how) {
    case 'put':
    case 'delete':
    case 'get':
      return { idleMs, how, key, onLease: how === 'put' && random.chance(0.2) };
    case 'list':
      return { idleMs, how, back: random.pick([0, 0, 1, 4]) };
    case 'swap':
    case 'stray':
      return { idleMs, how, key };
    case 'both':
    case 'cross':
      return { idleMs, how, key, other: key === 'kv/a' ? 'kv/b' : 'kv/a' };
    case 'watch':
      return {
        idleMs,
        how,
        key: random.chance(0.3) ? key : null,
        back: random.pick([-1, -1, 0, 3, 8]),
        filter: random.pick([null, null, WatchFilter.noPut, WatchFilter.noDelete]),
        prevKv: random.chance(0.3),
        forMs: random.chance(0.5) ? Math.round(random.between(0, 3000)) : null,
      };
  }
}

/** Only who asks for a lease or for the past can be refused for it. */
function refusalsOf(turn: KvOperation): [ErrorCode, ...ErrorCode[]] {
  if (turn.how === 'list' || turn.how === 'watch') return ['COMPACTED', 'FUTURE_REVISION'];
  if (turn.how === 'stray' || (turn.how === 'put' && turn.onLease)) return ['LEASE_NOT_FOUND'];
  return ['SESSION_LOST'];
}

class KvStage implements Stage {
  readonly #watches = new Set<OpenWatch>();
  #revision = 1n;
  #lastValue = 0;

  changed({ truth }: SimServer): void {
    this.#revision = truth.engine.space.revision;
  }

  async end(): Promise<void> {
    for (const { client, cancel } of this.#watches) if (!client.process.crashed) cancel();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as KvOperation;
    await pause(client.process, turn.idleMs);
    try {
      await this.#perform(client, turn);
    } catch (error) {
      if (!ConclaveError.is(error, ...refusalsOf(turn))) expectFailure(error);
    }
  }

  async #perform(client: SimClient, turn: KvOperation): Promise<void> {
    const { store } = client;
    switch (turn.how) {
      case 'put': {
        const leaseId = turn.onLease ? await openSession(client) : undefined;
        await store.txn({ success: [put(turn.key, this.#newValue(client), { leaseId })] });
        return;
      }
      case 'delete':
        await store.txn({ success: [remove(turn.key)] });
        return;
      case 'get':
        await store.range({ key: utf8(turn.key) });
        return;
      case 'list':
        return this.#list(client, turn.back);
      case 'swap':
        return this.#swap(client, turn.key);
      case 'stray':
        await store.txn({ success: [put(turn.key, this.#newValue(client), { leaseId: strayLease })] });
        return;
      case 'cross': {
        const { key, other } = turn;
        const compare = [createdAt(key, 0n)];
        await store.txn({ compare, success: [put(other, this.#newValue(client))], failure: [get(key)] });
        return;
      }
      case 'both': {
        const value = this.#newValue(client);
        const success = [put(turn.key, value), put(turn.other, value)];
        await store.txn({ compare: [createdAt(turn.key, 0n)], success, failure: [get(turn.key), get(turn.other)] });
        return;
      }
      case 'watch':
        return this.#watch(client, turn);
    }
  }

  async #list(client: SimClient, back: number): Promise<void> {
    const all = { key: utf8(prefix), rangeEnd: prefixEnd(utf8(prefix)) };
    const now = await client.store.range(all);
    if (back === 0) return;
    const revision = now.header.revision - BigInt(back);
    if (revision > 0n) await client.store.range({ ...all, revision });
  }

  async #swap(client: SimClient, key: string): Promise<void> {
    const { kvs } = await client.store.range({ key: utf8(key) });
    const compare = [modifiedAt(key, kvs[0]?.modRevision ?? 0n)];
    await client.store.txn({ compare, success: [put(key, this.#newValue(client))], failure: [get(key)] });
  }

  async #watch(client: SimClient, turn: Extract<KvOperation, { how: 'watch' }>): Promise<void> {
    const { key, filter, prevKv, back, forMs } = turn;
    const from = this.#revision - BigInt(back);
    const target = key === null ? { key: utf8(prefix), rangeEnd: prefixEnd(utf8(prefix)) } : { key: utf8(key) };
    const open = new OpenWatch(client, back >= 0 && from > 0n ? from : undefined);
    this.#watches.add(open);
    open.start({ ...target, prevKv, ...(filter !== null && { filters: [filter] }) }, () => this.#watches.delete(open));
    if (forMs === null) return;
    await pause(client.process, forMs);
    open.cancel();
  }

  #newValue(client: SimClient): string {
    this.#lastValue += 1;
    return `${client.name}.${this.#lastValue}`;
  }
}

/** A watch that goes on beside the operations. */
class OpenWatch {
  readonly client: SimClient;
  readonly #startRevision: bigint | undefined;
  /** Idempotent. */
  cancel: () => void = () => {};

  constructor(client: SimClient, startRevision: bigint | undefined) {
    this.client = client;
    this.#startRevision = startRevision;
  }

  start(
    spec: { key: Uint8Array; rangeEnd?: Uint8Array; prevKv: boolean; filters?: number[] },
    onOver: () => void,
  ): void {
    const stop = this.client.store.watch(
      { ...spec, startRevision: this.#startRevision },
      { onEvents: () => {}, onEnd: onOver },
    );
    this.cancel = () => {
      this.cancel = () => {};
      stop();
      onOver();
    };
  }
}

async function openSession({ context }: SimClient): Promise<bigint> {
  const session = context.sessions.current;
  await session.open();
  return session.leaseId;
}
