import { Barrier } from '../../barrier/barrier.js';
import { CountDownLatch } from '../../barrier/count-down-latch.js';
import { CyclicBarrier } from '../../barrier/cyclic-barrier.js';
import { DoubleBarrier } from '../../barrier/double-barrier.js';
import { pause } from '../../core/abort.js';
import type { Revision } from '../../engine/key-record.js';
import { barrier as barrierChecker } from '../checkers/barrier.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import type { Pending } from '../history.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { told, untilGivesUp } from './expected-errors.js';

/** One turn of a task. */
type BarrierOperation = { readonly idleMs: number } & (
  | { readonly how: 'close'; readonly persistent: boolean; readonly forMs: number }
  /** Null: waits as long as it takes, at what falls with its raiser. */
  | { readonly how: 'pass'; readonly persistent: boolean; readonly giveUpMs: number | null }
  | { readonly how: 'double'; readonly name: string; readonly giveUpMs: number; readonly stayMs: number }
  | { readonly how: 'cycle'; readonly turns: number; readonly giveUpMs: number }
  | { readonly how: 'count'; readonly name: string; readonly counts: number; readonly giveUpMs: number }
);

const parties = 2;
const count = 3;
/** So many parties of one double barrier make one round and no second: then the checker knows who belongs together. */
const onceAtMost = 3;
const partyKey = /^double-barriers\/([^/]+)\/parties\/([0-9a-f]+)\./;

/** Barriers of every kind, with parties who give up, stall and lose their leases. */
export const barrierWorkload: Workload = {
  name: 'barrier',
  recordsKv: false,
  hasWatchers: false,
  // A barrier stays closed when its raiser is lost, and a latch keeps its counts.
  keeps: (key) => /^(barriers\/([^/]+\/up|p\/raisers\/.*)|latches\/[^/]+\/(count|downs\/.*))$/.test(key),
  checkers: [barrierChecker, leaseNotEarly, noHangingPromise, nothingLeft],
  draw: (random, clients) =>
    Array.from({ length: clients }, (_c, client) =>
      Array.from({ length: random.pick([1, 2]) }, (_, task) =>
        Array.from({ length: random.pick([2, 3, 4]) }, (__, turn) =>
          drawOperation(random, task, `d${turn}.${Math.floor(client / onceAtMost)}`),
        ),
      ),
    ),
  stage: () => new BarrierStage(),
};

function drawOperation(random: Prng, task: number, doubleName: string): BarrierOperation {
  const idleMs = Math.round(random.between(0, random.pick([5, 100, 1000])));
  const giveUpMs = Math.round(random.between(0, random.pick([50, 1500, 6000])));
  const how = random.pick(['close', 'pass', 'pass', 'double', 'double', 'cycle', 'count'] as const);
  switch (how) {
    case 'close':
      return { how, idleMs, persistent: random.chance(0.4), forMs: Math.round(random.between(0, giveUpMs)) };
    case 'pass': {
      const persistent = random.chance(0.4);
      return { how, idleMs, persistent, giveUpMs: persistent || random.chance(0.5) ? giveUpMs : null };
    }
    case 'double':
      return task > 0
        ? { how: 'cycle', idleMs, turns: 2, giveUpMs }
        : { how, idleMs, name: doubleName, giveUpMs, stayMs: Math.round(random.between(0, random.pick([5, 2500]))) };
    case 'cycle':
      return { how, idleMs, turns: random.pick([1, 2, 3]), giveUpMs };
    case 'count':
      return { how, idleMs, name: random.pick(['a', 'b']), counts: random.pick([0, 1, 2]), giveUpMs };
  }
}

class BarrierStage implements Stage {
  readonly #clients = new Map<string, SimClient>();

  /** By the store's own word: whose party went with its lease. */
  changed(server: SimServer, { changes }: Revision): void {
    for (const { text, deleted } of changes) {
      const [, name, hex] = partyKey.exec(text) ?? [];
      if (!deleted || hex === undefined) continue;
      const [lease, client] = [BigInt(`0x${hex}`), this.#clients.get(hex)];
      if (client === undefined || server.hasLease(lease)) continue;
      const fact = { fence: 0n, lease, reason: 'its lease is gone' };
      server.recorder.note(client.name, `double/${name}`, 'lost', fact);
    }
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as BarrierOperation;
    await pause(client.process, turn.idleMs);
    switch (turn.how) {
      case 'close':
        return this.#close(client, turn);
      case 'pass':
        return this.#pass(client, turn);
      case 'double':
        return this.#double(client, turn);
      case 'cycle':
        return this.#cycle(client, turn);
      case 'count':
        return this.#count(client, turn);
    }
  }

  async #close(client: SimClient, { persistent, forMs }: BarrierOperation & { how: 'close' }): Promise<void> {
    const { name, object } = gate(persistent);
    const barrier = new Barrier(client.context, name);
    const raising = client.recorder.invoke(client.name, object, 'barrier.raise', null);
    await ended(raising, () => barrier.raise({ persistent, timeoutMs: 4000 }));
    await pause(client.process, forMs);
    // Whatever became of it: what stays closed would keep others for ever. Bounded by the run.
    for (let lifted = false; !lifted; ) {
      const lifting = client.recorder.invoke(client.name, object, 'barrier.lift', null);
      lifted = (await ended(lifting, () => barrier.lift({ timeoutMs: 4000 }))) !== undefined;
    }
  }

  async #pass(client: SimClient, { persistent, giveUpMs }: BarrierOperation & { how: 'pass' }): Promise<void> {
    const { name, object } = gate(persistent);
    const waiting = client.recorder.invoke(client.name, object, 'barrier.await', null);
    await ended(waiting, () =>
      untilGivesUp(client.process, giveUpMs, (signal) => new Barrier(client.context, name).wait({ signal })),
    );
  }

  async #double(client: SimClient, turn: BarrierOperation & { how: 'double' }): Promise<void> {
    const object = `double/${turn.name}`;
    const double = new DoubleBarrier(client.context, turn.name, { parties });
    const session = client.context.sessions.current;
    this.#clients.set(session.leaseId.toString(16), client);
    const entering = client.recorder.invoke(client.name, object, 'doubleBarrier.enter', { parties });
    const entered = await ended(entering, () =>
      untilGivesUp(client.process, turn.giveUpMs, async (signal) => {
        await double.enter({ session, signal });
        return true;
      }),
    );
    if (entered === undefined) return;
    await pause(client.process, turn.stayMs);
    const leaving = client.recorder.invoke(client.name, object, 'doubleBarrier.leave', { parties });
    await ended(leaving, () => double.leave());
  }

  async #cycle(client: SimClient, { turns, giveUpMs }: BarrierOperation & { how: 'cycle' }): Promise<void> {
    const cyclic = new CyclicBarrier(client.context, 'c', { parties });
    for (let i = 0; i < turns; i++) {
      const entering = client.recorder.invoke(client.name, 'cyclic/c', 'doubleBarrier.enter', { parties });
      await ended(entering, () => untilGivesUp(client.process, giveUpMs, (signal) => cyclic.wait({ signal })));
    }
  }

  async #count(client: SimClient, { name, counts, giveUpMs }: BarrierOperation & { how: 'count' }): Promise<void> {
    const object = `latch/${name}`;
    const latch = new CountDownLatch(client.context, name, { count });
    for (let i = 0; i < counts; i++) {
      const counting = client.recorder.invoke(client.name, object, 'latch.countDown', { count });
      await ended(counting, () => latch.countDown({ timeoutMs: 4000 }));
    }
    const waiting = client.recorder.invoke(client.name, object, 'latch.await', { count });
    await ended(waiting, () => untilGivesUp(client.process, giveUpMs, (signal) => latch.wait({ signal })));
  }
}

/** The persistent one is another: what falls with its raiser can be waited for without an end. */
function gate(persistent: boolean): { readonly name: string; readonly object: string } {
  const name = persistent ? 'p' : 'g';
  return { name, object: `barrier/${name}` };
}

/** What a call resolves to besides is nobody's business here; undefined if it failed. */
function ended(pending: Pending<null>, work: () => Promise<unknown>): Promise<null | undefined> {
  return told(pending, async () => {
    await work();
    return null;
  });
}
