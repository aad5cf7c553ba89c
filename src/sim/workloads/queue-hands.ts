import { pause } from '../../core/abort.js';
import type { Revision } from '../../engine/key-record.js';
import type { Consumer } from '../../queue/consumer.js';
import type { Job } from '../../queue/job.js';
import type { Queue } from '../../queue/queue.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { QueueDelivery } from '../vocabulary.js';
import { expectFailure, told } from './expected-errors.js';
import { HeldSamples } from './held-samples.js';
import { isPausedIn, type KeptResult, noteChanges, noteRest, object, undoneIn } from './queue-truth.js';

export type SwitchTurn = { readonly paused: boolean; readonly timeoutMs: number };

export type TakeTurn = {
  readonly timeoutMs: number;
  readonly workMs: number;
  /** Whether the work asks for `held` before it settles, or leaves that to the guard. */
  readonly careful: boolean;
  readonly verdict: Verdict | 'leave';
};

type Verdict = 'ack' | 'nack' | 'retry' | 'dead';

/** What clients do with the jobs of the queue, and with the queue as a whole; and what its store has of it. */
export class QueueHands {
  readonly samples = new HeldSamples();
  /** By the store's own word: when each job came in. */
  readonly #enqueuedAt = new Map<string, bigint>();
  #server: SimServer | undefined;

  changed(server: SimServer, revision: Revision): void {
    this.#server = server;
    noteChanges(server, revision, (id) => this.#enqueuedAt.set(id, revision.revision));
  }

  /** When the job of this id came in; 0n: it is not known. */
  revisionOf(id: string): bigint {
    return this.#enqueuedAt.get(id) ?? 0n;
  }

  /** Writes down what is still there. */
  end(): void {
    if (this.#server !== undefined) noteRest(this.#server);
  }

  async switch(client: SimClient, queue: Queue<string>, { paused, timeoutMs }: SwitchTurn): Promise<void> {
    const pending = client.recorder.invoke(client.name, object, 'queue.switch', { paused });
    await told(pending, async () => {
      await (paused ? queue.pause({ timeoutMs }) : queue.resume({ timeoutMs }));
      return null;
    });
  }

  /** Takes jobs, one by one. */
  async take(client: SimClient, queue: Queue<string>, turns: readonly TakeTurn[]): Promise<void> {
    const consumer = await this.#open(queue);
    if (consumer === undefined) return;
    try {
      for (const turn of turns) await this.#takeOne(client, consumer, turn);
    } finally {
      await consumer.close();
    }
  }

  async settle(client: SimClient, job: Job<string>, verdict: Verdict): Promise<void> {
    const input = { item: job.payload, claim: job.fence };
    const pending = client.recorder.invoke(client.name, object, verdict === 'ack' ? 'queue.ack' : 'queue.nack', input);
    const result: KeptResult = { item: job.payload, claim: `${job.fence}` };
    const settled = {
      ack: () => job.ack(result),
      nack: () => job.nack(),
      retry: () => job.retry({ delayMs: 700 }),
      dead: () => job.dead('of no use'),
    };
    await told(pending, async () => {
      await settled[verdict]();
      return null;
    });
  }

  /**
   * Takes until the store has no job any more but dead letters: each with a consumer of its own, or all with one, which
   * keeps whatever it has got and does not know of.
   */
  async drain(client: SimClient, queue: Queue<string>, withOne = false): Promise<void> {
    let consumer: Consumer<string> | undefined;
    // Bounded by the run: what cannot be taken is a hang, and told as such.
    while (this.#server === undefined || undoneIn(this.#server) > 0) {
      if (this.#server !== undefined && isPausedIn(this.#server))
        await this.switch(client, queue, { paused: false, timeoutMs: 5_000 });
      consumer ??= await this.#open(queue);
      if (consumer === undefined) {
        await pause(client.process, 500);
        if (this.#server === undefined) return;
        continue;
      }
      // Long enough for the longest delay: a keeper that goes before leaves it to the next one, which waits anew if the
      // clocks are wrong.
      await this.#takeOne(client, consumer, { timeoutMs: 8000, workMs: 10, careful: true, verdict: 'ack' });
      if (withOne && !consumer.signal.aborted) continue;
      await consumer.close();
      consumer = undefined;
    }
    await consumer?.close();
  }

  async #takeOne(client: SimClient, consumer: Consumer<string>, turn: TakeTurn): Promise<void> {
    const pending = client.recorder.invoke(client.name, object, 'queue.take', null);
    let job: Job<string>;
    try {
      job = await consumer.take({ timeoutMs: turn.timeoutMs });
    } catch (error) {
      // A job may have been claimed, and given back or lost.
      pending.unknown(error);
      return expectFailure(error);
    }
    pending.ok(deliveryOf(job));
    const over = this.samples.watchLease(client, `${object} ${job.id}`, job);
    const reporting = report(job);
    await pause(client.process, turn.workMs);
    await reporting;
    if (turn.verdict !== 'leave' && (!turn.careful || job.held)) await this.settle(client, job, turn.verdict);
    over();
  }

  /** Undefined: the store could not be asked. */
  async #open(queue: Queue<string>): Promise<Consumer<string> | undefined> {
    try {
      return await queue.consumer();
    } catch (error) {
      expectFailure(error);
      return undefined;
    }
  }
}

/** As a worker would: twice, and going on whether or not anybody heard. */
async function report(job: Job<string>): Promise<void> {
  for (const step of [1, 2]) {
    try {
      await job.updateProgress({ claim: `${job.fence}`, step });
    } catch (error) {
      expectFailure(error);
    }
  }
}

export function deliveryOf(job: Job<string>): QueueDelivery {
  return { item: job.payload, claim: job.fence, lease: job.leaseId };
}
