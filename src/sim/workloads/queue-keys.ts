import { pause } from '../../core/abort.js';
import { ConclaveError } from '../../core/errors.js';
import type { Revision } from '../../engine/key-record.js';
import type { JobState } from '../../queue/admin.js';
import { Queue } from '../../queue/queue.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { queue as queueChecker } from '../checkers/queue.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, told } from './expected-errors.js';
import { QueueHands, type TakeTurn } from './queue-hands.js';
import { noteKeyed, object, queueName } from './queue-truth.js';

const options = { maxAttempts: 3, backoff: { firstMs: 100, mostMs: 1000 } };

/** How long an administrator waits for an answer. */
const patienceMs = 5_000;

type KeysOperation =
  | {
      readonly how: 'add';
      readonly idleMs: number;
      readonly item: string;
      readonly dedupeKey: string;
      readonly delayMs: number;
      /** Empty: none. */
      readonly group: string;
    }
  | { readonly how: 'work'; readonly idleMs: number; readonly turns: readonly TakeTurn[] }
  /** The first job of a state. */
  | { readonly how: 'cancel'; readonly idleMs: number; readonly state: JobState }
  | { readonly how: 'redrive'; readonly idleMs: number }
  /** Works until nothing is left. */
  | { readonly how: 'drain' };

/** Jobs of few dedupe keys, which go from one to the next: by acks, dead letters, redrives and cancels. */
export const queueKeysWorkload: Workload = {
  name: 'queue-keys',
  recordsKv: false,
  hasWatchers: false,
  // What a job of unknown fate leaves behind; keys and groups are judged by `queue.groups`.
  keeps: (key) =>
    /^queues\/q\/(tail$|(gone|jobs|ready|delayed|waiting|busy|vacant|taken|dead|progress|dedupe)\/)/.test(key),
  checkers: [queueChecker, leaseNotEarly, noHangingPromise, nothingLeft],
  draw: (random, clients) =>
    Array.from({ length: clients }, (_, client) =>
      Array.from({ length: random.pick([1, 2]) }, (__, task) => [
        ...Array.from({ length: random.pick([2, 4, 6]) }, (___, turn) =>
          drawOperation(random, `${client}.${task}.${turn}`),
        ),
        ...(task === 0 ? [{ how: 'drain' } as const] : []),
      ]),
    ),
  stage: () => new QueueKeysStage(),
};

function drawOperation(random: Prng, item: string): KeysOperation {
  const idleMs = Math.round(random.between(0, random.pick([2, 50, 1500])));
  const how = random.pick(['add', 'add', 'add', 'work', 'work', 'cancel', 'redrive'] as const);
  if (how === 'add') {
    const [dedupeKey, group] = [random.pick(['k', 'k', 'l']), random.pick(['', '', 'g'])];
    return { how, idleMs, item, dedupeKey, delayMs: random.pick([0, 0, 0, 700]), group };
  }
  if (how === 'cancel') {
    return { how, idleMs, state: random.pick(['ready', 'delayed', 'waiting', 'claimed', 'dead'] as const) };
  }
  if (how === 'redrive') return { how, idleMs };
  const turns = Array.from({ length: random.pick([1, 2, 3]) }, () => ({
    timeoutMs: Math.round(random.between(0, random.pick([50, 1000]))),
    workMs: Math.round(random.between(0, random.pick([5, 300, 4000]))),
    careful: random.chance(0.25),
    verdict: random.pick(['ack', 'ack', 'dead', 'dead', 'retry', 'nack', 'leave'] as const),
  }));
  return { how, idleMs, turns };
}

class QueueKeysStage implements Stage {
  readonly #hands = new QueueHands();
  readonly #queues = new Map<SimClient, Queue<string>>();

  look(): void {
    this.#hands.samples.look();
  }

  changed(server: SimServer, revision: Revision): void {
    this.#hands.changed(server, revision);
    noteKeyed(server, revision);
  }

  async end(): Promise<void> {
    this.#hands.end();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as KeysOperation;
    const queue = this.#queueOf(client);
    if (turn.how !== 'drain') await pause(client.process, turn.idleMs);
    switch (turn.how) {
      case 'add':
        return this.#add(client, queue, turn);
      case 'work':
        return this.#hands.take(client, queue, turn.turns);
      case 'cancel':
        return administer(client, queue, 'queue.cancel', turn.state, (id) =>
          queue.cancel(id, { timeoutMs: patienceMs }),
        );
      case 'redrive':
        return administer(client, queue, 'queue.redrive', 'dead', (id) => queue.redrive(id, { timeoutMs: patienceMs }));
      case 'drain':
        return this.#hands.drain(client, queue);
    }
  }

  /** One for each client, which goes by the end of the queue as it saw it last. */
  #queueOf(client: SimClient): Queue<string> {
    const queue = this.#queues.get(client) ?? new Queue<string>(client.context, queueName, options);
    this.#queues.set(client, queue);
    return queue;
  }

  /** One that was told of another job has added nothing, and never will. */
  async #add(client: SimClient, queue: Queue<string>, turn: KeysOperation & { how: 'add' }): Promise<void> {
    const { item, dedupeKey, delayMs, group } = turn;
    const input = { item, delayMs, ...(group !== '' && { group }) };
    const pending = client.recorder.invoke(client.name, object, 'queue.enqueue', input);
    await told(pending, async () => {
      const added = await queue.enqueue(item, { dedupeKey, delayMs, group: group === '' ? undefined : group });
      if (!added.duplicate) return { revision: this.#hands.revisionOf(added.id) };
      client.recorder.note(client.name, object, 'queue.duplicate', { item, key: dedupeKey, id: added.id });
      throw new ConclaveError('CONFLICT', `job ${added.id} has the key`);
    });
  }
}

async function administer(
  client: SimClient,
  queue: Queue<string>,
  op: 'queue.cancel' | 'queue.redrive',
  state: JobState,
  act: (id: string) => Promise<boolean>,
): Promise<void> {
  const [job] = await queue.list(state, { limit: 1, timeoutMs: patienceMs }).catch((error: unknown) => {
    expectFailure(error);
    return [];
  });
  if (job === undefined) return;
  const pending = client.recorder.invoke(client.name, object, op, { item: job.payload });
  await told(pending, () => act(job.id));
}
