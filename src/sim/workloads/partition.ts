import { onAbort, pause } from '../../core/abort.js';
import { Partition } from '../../group/partition.js';
import type { Share } from '../../group/share.js';
import type { Held } from '../../line/held.js';
import { SharedMirrors } from '../../store/shared-mirrors.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { mutualExclusion } from '../checkers/mutual-exclusion.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { partition } from '../checkers/partition.js';
import type { Json, Plan } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, untilGivesUp } from './expected-errors.js';
import { HeldSamples, noteLoss } from './held-samples.js';

type PartitionOperation = {
  /** `visit`: comes and goes. `stay`: takes part until well after the last fault, and must have its share then. */
  readonly how: 'visit' | 'stay';
  readonly items: number;
  readonly idleMs: number;
  readonly stayMs: number;
  readonly settleMs: number;
  /** How long the work on an item goes on when it was told to stop. */
  readonly stopMs: number;
  readonly abortAfterMs: number | null;
};

const object = 'partition/jobs';

/** After the last fault: leases have ended, whoever waits between two tries has tried again, all have settled. */
const recoveredMs = 30_000;
/** Nobody of those that stay leaves before all have said what they have. */
const lookedMs = 3_000;

/** Members come, go and stay; each item is one member's, and all of them somebody's in the end. */
export const partitionWorkload: Workload = {
  name: 'partition',
  recordsKv: false,
  hasWatchers: true,
  keeps: () => false,
  checkers: [mutualExclusion, partition, heldInTime, leaseNotEarly, noHangingPromise, nothingLeft],
  draw: (random, clients) => {
    const items = random.pick([1, 3, 5, 8]);
    const settleMs = random.pick([0, 50, 500]);
    const turns = random.pick([1, 1, 2, 3]);
    return Array.from({ length: clients }, () => [
      Array.from({ length: turns }, () => drawTurn(random, items, settleMs)),
    ]);
  },
  stage: (plan) => new PartitionStage(plan),
};

function drawTurn(random: Prng, items: number, settleMs: number): PartitionOperation {
  return {
    how: random.pick(['visit', 'visit', 'stay'] as const),
    items,
    idleMs: Math.round(random.between(0, random.pick([10, 2000]))),
    stayMs: Math.round(random.between(0, random.pick([500, 5000]))),
    settleMs,
    stopMs: Math.round(random.between(0, random.pick([1, 200]))),
    abortAfterMs: random.chance(0.2) ? Math.round(random.between(0, 3000)) : null,
  };
}

class PartitionStage implements Stage {
  readonly #plan: Plan;
  readonly #samples = new HeldSamples();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  look(): void {
    this.#samples.look();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as PartitionOperation;
    await pause(client.process, turn.idleMs);
    const { context } = client;
    const items = Array.from({ length: turn.items }, (_, i) => `i${i}`);
    const jobs = new Partition(context, new SharedMirrors(context.store, context.runtime), 'jobs', { items });
    try {
      await untilGivesUp(client.process, turn.abortAfterMs, async (signal) => {
        const { settleMs } = turn;
        const share = await jobs.join({ settleMs, signal }, (held) => this.#work(client, turn, held));
        await this.#stay(client, turn, share);
        await share.leave();
      });
    } catch (error) {
      expectFailure(error);
    }
  }

  async #stay(client: SimClient, turn: PartitionOperation, share: Share): Promise<void> {
    // Too late to be counted: others may have left by now.
    const isLate = client.world.nowMs >= this.#plan.healAtMs + recoveredMs;
    if (turn.how === 'visit' || isLate) return pause(client.process, turn.stayMs);
    await this.#untilRecovered(client);
    const ended = share.signal.aborted ? String((share.signal.reason as { code?: string }).code) : null;
    const held = share.held.map(({ name }) => name);
    client.recorder.note(client.name, object, 'partition.share', { of: turn.items, held, ended });
    await pause(client.process, lookedMs);
  }

  /**
   * What the history knows as a lock that is held is the time in which the work goes on. When the item was asked for it
   * does not know, so that nothing is said of whether fences grow from one request to the next.
   */
  async #work(client: SimClient, turn: PartitionOperation, held: Held): Promise<void> {
    const { recorder, name, process } = client;
    const line = `${object}/${held.name}`;
    const { fence, leaseId: lease, key, signal } = held;
    recorder.invoke(name, line, 'lock.acquire', null).ok({ fence, lease, key });
    const over = this.#samples.watch(client, line, held);
    await new Promise<void>((resolve) => onAbort(signal, () => resolve()));
    // A reading of `held` would end it in the history, and it goes on until this has ended, or it is lost.
    over();
    const stopListening = held.held ? noteLoss(client, line, held) : () => {};
    await pause(process, turn.stopMs);
    stopListening();
    recorder.invoke(name, line, 'release', { fence }).ok(null);
  }

  /** The process may stand still meanwhile, and its clock with it: then it looks again. */
  async #untilRecovered({ process, world }: SimClient): Promise<void> {
    const atMs = this.#plan.healAtMs + recoveredMs;
    while (world.nowMs < atMs) await pause(process, Math.min(200, atMs - world.nowMs));
  }
}
