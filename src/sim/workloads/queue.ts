import { pause } from '../../core/abort.js';
import type { Revision } from '../../engine/key-record.js';
import type { JobState } from '../../queue/admin.js';
import type { Job } from '../../queue/job.js';
import { Queue } from '../../queue/queue.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { queue as queueChecker } from '../checkers/queue.js';
import type { Pending } from '../history.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { QueueDelivery } from '../vocabulary.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, told, untilGivesUp } from './expected-errors.js';
import { deliveryOf, QueueHands, type SwitchTurn, type TakeTurn } from './queue-hands.js';
import { type KeptResult, object, queueName } from './queue-truth.js';

/** So few and so short that dead letters and backoff are met. */
const options = { maxAttempts: 3, backoff: { firstMs: 100, mostMs: 1000 } };

/** How long a result is kept, at least. */
const keepResultMs = 60_000;

const purges = [['ready'], ['dead'], ['delayed', 'waiting'], ['ready', 'delayed', 'waiting', 'dead']] as const;

/** One turn of a task with the queue. */
type QueueOperation =
  /** Puts jobs in, all in one step or each in its own. */
  | {
      readonly how: 'produce';
      readonly idleMs: number;
      readonly items: readonly string[];
      /** Of the items, in turn. */
      readonly priorities: readonly number[];
      readonly delayMs: number;
      /** Empty: none. */
      readonly group: string;
      readonly together: boolean;
      /** Whether results are asked for, and waited for. */
      readonly result: boolean;
    }
  /** Takes a few jobs, one by one. */
  | { readonly how: 'take'; readonly idleMs: number; readonly turns: readonly TakeTurn[] }
  /** Works with a handler for a while. */
  | {
      readonly how: 'consume';
      readonly idleMs: number;
      readonly forMs: number;
      readonly workMs: number;
      readonly concurrency: number;
      /** Every so many jobs the handler throws. */
      readonly failsEvery: number;
    }
  /** Puts a few jobs in that wait, and takes away what is in nobody's hands. */
  | {
      readonly how: 'purge';
      readonly idleMs: number;
      readonly items: readonly string[];
      readonly group: string;
      readonly states: readonly JobState[];
    }
  /** Pauses the queue and resumes it, mostly with little patience. */
  | { readonly how: 'switch'; readonly idleMs: number; readonly turns: readonly SwitchTurn[] }
  /** Works until nothing is left, perhaps with one consumer: what was accepted must be done in bounded time. */
  | { readonly how: 'drain'; readonly withOne?: boolean };

type How = Exclude<QueueOperation['how'], 'drain'>;

const everything: readonly How[] = [
  ...(['produce', 'produce', 'produce', 'take', 'take', 'take', 'consume', 'purge', 'switch'] as const),
];

/** A queue with producers and consumers who lose their leases; judged by what was acknowledged. */
export const queueWorkload = queueWorkloadOf('queue', everything);

/** Little but claims, which outlive their leases. */
export const queueClaimsWorkload = queueWorkloadOf('queue-claims', ['produce', 'take', 'take']);

/** Little but pauses and resumes. */
export const queueSwitchWorkload = queueWorkloadOf('queue-switch', ['produce', 'switch', 'switch']);

function queueWorkloadOf(name: string, hows: readonly How[]): Workload {
  return {
    name,
    recordsKv: false,
    hasWatchers: false,
    // What a job of unknown fate leaves behind; groups are judged by `queue.groups`.
    outlivesMs: keepResultMs,
    keeps: (key) =>
      /^queues\/q\/(tail$|switch$|(gone|jobs|ready|delayed|waiting|busy|vacant|taken|dead|progress)\/)/.test(key),
    checkers: [queueChecker, heldInTime, leaseNotEarly, noHangingPromise, nothingLeft],
    draw: (random, clients) => {
      const scripts = Array.from({ length: clients }, (_, client) =>
        Array.from({ length: random.pick([1, 1, 2]) }, (__, task) =>
          Array.from({ length: random.pick([1, 2, 3]) }, (___, turn) =>
            drawOperation(random, hows, `${client}.${task}.${turn}`),
          ),
        ),
      );
      // Last, so that a seed has the rest as it had before there was this.
      return scripts.map(([first = [], ...tasks], client) => {
        const drain = { how: 'drain', withOne: random.chance(0.5) } as const;
        return [[...first, drain, ...(random.chance(0.25) ? [comesBack(`${client}.late`), drain] : [])], ...tasks];
      });
    },
    stage: () => new QueueStage(),
  };
}

function drawOperation(random: Prng, hows: readonly How[], name: string): QueueOperation {
  const idleMs = Math.round(random.between(0, random.pick([10, 500, 2000])));
  const how = random.pick(hows);
  if (how === 'purge') {
    const items = Array.from({ length: random.pick([1, 3]) }, (_, i) => `${name}.${i}`);
    return { how, idleMs, items, group: random.pick(['', 'g']), states: random.pick(purges) };
  }
  if (how === 'switch') {
    const turns = Array.from({ length: random.pick([1, 2, 4]) }, (_, turn) => ({
      paused: turn % 2 === 0,
      timeoutMs: random.pick([30, 300, 5_000]),
    }));
    return { how, idleMs, turns };
  }
  if (how === 'produce') {
    const items = Array.from({ length: random.pick([1, 2, 4, 12]) }, (_, i) => `${name}.${i}`);
    return {
      how,
      idleMs,
      items,
      priorities: random.pick([[0], [0], [5], [0, 5], [5, 0, 0]] as const),
      delayMs: random.pick([0, 0, 0, 700]),
      group: random.pick(['', '', 'g', 'h']),
      together: random.chance(0.4),
      result: random.chance(0.3),
    };
  }
  if (how === 'take') {
    const turns = Array.from({ length: random.pick([1, 2, 3]) }, () => ({
      timeoutMs: Math.round(random.between(0, random.pick([50, 4000]))),
      workMs: Math.round(random.between(0, random.pick([5, 300, 4000, 4000]))),
      careful: random.chance(0.25),
      verdict: random.pick(['ack', 'ack', 'ack', 'nack', 'leave'] as const),
    }));
    return { how, idleMs, turns };
  }
  return {
    how,
    idleMs,
    forMs: Math.round(random.between(50, random.pick([500, 5000]))),
    workMs: Math.round(random.between(0, random.pick([5, 300, 3000]))),
    concurrency: random.pick([1, 2, 3, 8]),
    failsEvery: random.pick([0, 0, 2, 3]),
  };
}

/** A producer that has not been there for long, while others may have added much. */
function comesBack(item: string): QueueOperation {
  const one = { priorities: [0], delayMs: 0, group: '', together: false, result: false };
  return { how: 'produce', idleMs: 10_000, items: [item], ...one };
}

class QueueStage implements Stage {
  readonly #hands = new QueueHands();

  look(): void {
    this.#hands.samples.look();
  }

  changed(server: SimServer, revision: Revision): void {
    this.#hands.changed(server, revision);
  }

  async end(): Promise<void> {
    this.#hands.end();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as QueueOperation;
    const queue = new Queue<string>(client.context, queueName, options);
    if (turn.how !== 'drain') await pause(client.process, turn.idleMs);
    switch (turn.how) {
      case 'produce':
        return this.#produce(client, queue, turn);
      case 'take':
        return this.#hands.take(client, queue, turn.turns);
      case 'consume':
        return this.#consume(client, queue, turn);
      case 'purge':
        return this.#purge(client, queue, turn);
      case 'switch':
        for (const each of turn.turns) await this.#hands.switch(client, queue, each);
        return;
      case 'drain':
        return this.#hands.drain(client, queue, turn.withOne);
    }
  }

  async #produce(client: SimClient, queue: Queue<string>, turn: QueueOperation & { how: 'produce' }): Promise<void> {
    const { priorities, delayMs } = turn;
    const group = turn.group === '' ? undefined : turn.group;
    const steps = turn.together ? [turn.items] : turn.items.map((item) => [item]);
    for (const [step, items] of steps.entries()) {
      const priority = priorities[step % priorities.length] ?? 0;
      const pending = items.map((item) =>
        client.recorder.invoke(client.name, object, 'queue.enqueue', {
          item,
          priority,
          delayMs,
          ...(group && { group }),
        }),
      );
      try {
        const added = await queue.enqueueAll(items, { priority, delayMs, group, ...(turn.result && { keepResultMs }) });
        for (const [i, { id }] of added.entries()) pending[i]?.ok({ revision: this.#hands.revisionOf(id) });
        for (const [i, { id }] of turn.result ? added.entries() : [])
          await this.#result(client, queue, items[i] ?? '', id);
      } catch (error) {
        for (const each of pending) each.threw(error);
        expectFailure(error);
      }
    }
  }

  /** For a while: whoever produces need not wait for the end. */
  async #result(client: SimClient, queue: Queue<string>, item: string, id: string): Promise<void> {
    const pending = client.recorder.invoke(client.name, object, 'queue.result', { item });
    await told(pending, async () => {
      const outcome = await queue.result<KeptResult>(id, { timeoutMs: 1_500 });
      return outcome.state === 'done'
        ? { state: 'done', claim: BigInt(outcome.result.claim) }
        : { state: outcome.state };
    });
  }

  async #purge(client: SimClient, queue: Queue<string>, turn: QueueOperation & { how: 'purge' }): Promise<void> {
    const { items, group, states } = turn;
    const jobs = {
      how: 'produce',
      idleMs: 0,
      items,
      group,
      priorities: [0],
      delayMs: 700,
      together: true,
      result: false,
    };
    await this.#produce(client, queue, jobs as QueueOperation & { how: 'produce' });
    const pending = client.recorder.invoke(client.name, object, 'queue.purge', null);
    await told(pending, async () => ({ count: await queue.purge({ states, timeoutMs: 5_000 }) }));
  }

  async #consume(client: SimClient, queue: Queue<string>, turn: QueueOperation & { how: 'consume' }): Promise<void> {
    const { concurrency, workMs, failsEvery } = turn;
    const invoke = () => client.recorder.invoke(client.name, object, 'queue.take', null);
    const takes: Pending<QueueDelivery | null>[] = Array.from({ length: concurrency }, invoke);
    let count = 0;
    const handler = async (job: Job<string>) => {
      // After a loss the handlers of the old claims may run beside those of the new ones.
      (takes.pop() ?? invoke()).ok(deliveryOf(job));
      count += 1;
      const fails = failsEvery > 0 && count % failsEvery === 0;
      const over = this.#hands.samples.watchLease(client, `${object} ${job.id}`, job);
      await pause(client.process, workMs);
      if (!fails && job.held) await this.#hands.settle(client, job, 'ack');
      over();
      takes.push(invoke());
      if (fails) throw new Error('failed');
    };
    try {
      await untilGivesUp(client.process, turn.forMs, (signal) => queue.consume(handler, { concurrency, signal }));
    } catch (error) {
      expectFailure(error);
    } finally {
      for (const each of takes) each.unknown('a job may have been claimed, and given back or lost');
    }
  }
}
