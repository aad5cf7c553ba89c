import { pause } from '../../core/abort.js';
import { ConclaveError } from '../../core/errors.js';
import { randomInt63 } from '../../core/runtime.js';
import type { Session } from '../../lease/session.js';
import { put } from '../../store/ops.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { kvLinearizable } from '../checkers/kv-linearizable.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure } from './expected-errors.js';
import { HeldSamples } from './held-samples.js';

type LeaseOperation = { readonly idleMs: number; readonly keys: number; readonly forMs: number } & (
  | { readonly how: 'session'; readonly asks: boolean; readonly ends: 'close' | 'orphan' }
  /** Without a session: `beats` heartbeats by hand, then it is revoked or left to expire. */
  | { readonly how: 'raw'; readonly ttlS: number; readonly beats: number; readonly ends: 'revoke' | 'expire' }
);

/** Sessions and bare leases with keys on them: never early, all keys at once, and nobody believes in a dead one. */
export const leaseWorkload: Workload = {
  name: 'lease',
  recordsKv: true,
  hasWatchers: false,
  keeps: () => false,
  checkers: [heldInTime, leaseNotEarly, kvLinearizable, noHangingPromise, nothingLeft],
  draw: (random, clients) => {
    const turns = random.pick([1, 2, 3]);
    return Array.from({ length: clients }, () => [Array.from({ length: turns }, () => drawOperation(random))]);
  },
  stage: () => new LeaseStage(),
};

function drawOperation(random: Prng): LeaseOperation {
  const common = {
    idleMs: Math.round(random.between(0, 500)),
    keys: random.below(3),
    forMs: Math.round(random.between(0, random.pick([500, 4000]))),
  };
  if (random.chance(0.6)) {
    return { ...common, how: 'session', asks: random.chance(0.3), ends: random.pick(['close', 'close', 'orphan']) };
  }
  const beats = random.below(4);
  return { ...common, how: 'raw', ttlS: 1 + random.below(4), beats, ends: random.pick(['revoke', 'expire']) };
}

class LeaseStage implements Stage {
  readonly #samples = new HeldSamples();
  #lastKey = 0;

  look(): void {
    this.#samples.look();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as LeaseOperation;
    await pause(client.process, turn.idleMs);
    try {
      if (turn.how === 'session') await this.#session(client, turn);
      else await this.#raw(client, turn);
    } catch (error) {
      if (!ConclaveError.is(error, 'LEASE_NOT_FOUND', 'LEASE_EXISTS')) expectFailure(error);
    }
  }

  async #session(client: SimClient, turn: Extract<LeaseOperation, { how: 'session' }>): Promise<void> {
    const session = client.context.sessions.fresh();
    let over = () => {};
    try {
      await session.open();
      over = this.#believe(client, session);
      await this.#putKeys(client, session.leaseId, turn.keys);
      await pause(client.process, turn.forMs);
      if (turn.asks) await session.verify();
    } finally {
      over();
      if (turn.ends === 'orphan') session.orphan();
      else await session.close();
    }
  }

  async #raw(client: SimClient, turn: Extract<LeaseOperation, { how: 'raw' }>): Promise<void> {
    const { store, process } = client;
    const id = randomInt63(process);
    await store.leaseGrant({ id, ttl: BigInt(turn.ttlS) });
    await this.#putKeys(client, id, turn.keys);
    for (let i = 0; i < turn.beats; i++) {
      await pause(process, turn.forMs / turn.beats);
      const { ttl } = await store.leaseKeepAlive({ id });
      if (ttl <= 0n) return;
    }
    await store.leaseTimeToLive({ id, keys: true });
    if (turn.ends === 'revoke') await store.leaseRevoke({ id });
  }

  #believe(client: SimClient, session: Session): () => void {
    const { leaseId: lease } = session;
    return this.#samples.add({
      ...{ client, object: 'session', fence: lease, lease },
      remainingMs: () => session.remainingMs,
      held: () => session.alive,
      serverHas: () => client.server.hasLease(lease),
    });
  }

  async #putKeys(client: SimClient, leaseId: bigint, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.#lastKey += 1;
      await client.store.txn({ success: [put(`leases/${this.#lastKey}`, client.name, { leaseId })] });
    }
  }
}
