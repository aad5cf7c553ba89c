import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConclaveError } from '../../src/core/errors.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { EngineStore } from '../../src/engine/engine-store.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import type { Store } from '../../src/store/store.js';
import { type CallName, type Operation, operation } from '../engine/operations.js';
import { findEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { type Opened, openGrpc } from '../support/remote-stores.js';
import { describeSkipped } from '../support/skip.js';
import { refusals } from './refusals.js';
import { Twins } from './twins.js';

const sequence = fc.record({
  operations: fc.array(operation({ watchWeight: 2 }), { minLength: 1, maxLength: 24 }),
  past: fc.constantFrom(true, false, false, false),
});

const found = await findEtcd({ own: true });
if ('missing' in found) describeSkipped('the engine and etcd', found.missing, suite);
else describe('the engine and etcd', suite);

function suite(): void {
  let etcd: RunningEtcd;
  let client: Opened;
  let number = 0;

  beforeAll(async () => {
    etcd = await startEtcd();
    client = openGrpc([etcd.url]);
  });

  afterAll(async () => {
    await client?.close();
    await etcd?.stop();
  });

  /** Rejects if the engine, seen through `disguise`, answers anything else than etcd. */
  async function compare(
    { operations, past }: { operations: readonly Operation[]; past: boolean },
    disguise: (store: Store) => Store = (store) => store,
  ): Promise<void> {
    const host = new EngineHost(new SimRuntime());
    const store = new EngineStore(host);
    const { store: oracle } = client;
    try {
      await Twins.run({ oracle, subject: disguise(store), version: etcd.version, number: ++number, past }, operations);
    } finally {
      await store.close();
      host.close();
    }
  }

  it('give the same answers to the same operations', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(sequence, (each) => compare(each)),
      { numRuns: 300 },
    );
  });

  it('refuse the same requests with the same words', async () => {
    const host = new EngineHost(new SimRuntime());
    const store = new EngineStore(host);
    for (const [name, request] of refusals) {
      const [expected, got] = await Promise.all([
        refusalOf(client.store, name, request),
        refusalOf(store, name, request),
      ]);
      expect([name, request, got]).toEqual([name, request, expected]);
    }
    await store.close();
    host.close();
  });

  it('would not, had the engine a bug: this check finds it', { timeout: 120_000 }, async () => {
    for (const plant of [wrongVersion, lostEvents, keptLease]) {
      const check = fc.check(
        fc.asyncProperty(sequence, (each) => compare(each, plant)),
        { numRuns: 300, endOnFailure: true },
      );
      expect((await check).failed, plant.name).toBe(true);
    }
  });
}

async function refusalOf(store: Store, name: CallName, request: object): Promise<string> {
  const calls = store as unknown as Record<CallName, (request: object) => Promise<object>>;
  try {
    await calls[name](request);
    return 'not refused';
  } catch (error) {
    return `${(error as ConclaveError).code}: ${(error as Error).message}`;
  }
}

/** Counts versions on over deletions. */
function wrongVersion(store: Store): Store {
  return change(store, {
    txn: async (request) => {
      const answer = await store.txn(request);
      const responses = answer.responses.map((each) =>
        each.type === 'put' && each.response.prevKv !== undefined
          ? { ...each, response: { ...each.response, prevKv: { ...each.response.prevKv, version: 9n } } }
          : each,
      );
      return { ...answer, responses };
    },
  });
}

/** Tells of a revision only its first change. */
function lostEvents(store: Store): Store {
  return change(store, {
    watch: (request, listener) =>
      store.watch(request, {
        ...listener,
        onEvents: (events, revision) => {
          const first = events.filter((each, i) => each.kv.modRevision !== events[i - 1]?.kv.modRevision);
          listener.onEvents(first, revision);
        },
      }),
  });
}

/** Forgets that a lease is over. */
function keptLease(store: Store): Store {
  return change(store, {
    leaseRevoke: async ({ id }) => store.leaseTimeToLive({ id }),
  });
}

function change(store: Store, methods: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, name: keyof Store) => {
      const changed = methods[name] ?? target[name];
      return methods[name] === undefined ? changed.bind(target) : changed;
    },
  });
}
