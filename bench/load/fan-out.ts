import { prefixEnd } from '../../src/core/bytes.js';
import { deferred } from '../../src/core/deferred.js';
import { Reader } from '../../src/wire/codec/reader.js';
import { kvMethods, watchMethods } from '../../src/wire/methods.js';
import { connectAll, Tally } from './calls.js';
import type { H2Client } from './h2-client.js';
import type { Job, JobResult } from './job.js';
import { benchKey } from './requests.js';

const connections = 10;
const createdField = 3;
const eventsField = 11;

/** Puts one after another, each when all watchers have seen the one before; counts events. */
export async function runFanOut(job: Extract<Job, { type: 'fanOut' }>): Promise<JobResult> {
  const clients = await connectAll(job.port, connections);
  try {
    const crowd = new Crowd(job.watchers);
    const perStream = job.watchers / connections;
    for (const client of clients) crowd.join(client, perStream);
    await crowd.created.promise;
    const untilMs = performance.now() + job.durationMs;
    const tally = new Tally();
    // Bounded by the clock.
    for (let n = 0; performance.now() < untilMs; n++) {
      const startedAtMs = performance.now();
      const seen = crowd.seeNext();
      const put = kvMethods.put.request.encode({ key: benchKey('fan', n % 1_000), value: Buffer.alloc(100, 'v') });
      await Promise.all([(clients[0] as H2Client).unary(kvMethods.put.path, put), seen]);
      tally.latenciesMs.push(performance.now() - startedAtMs);
      tally.count += job.watchers;
    }
    return tally.result();
  } finally {
    for (const client of clients) client.close();
  }
}

/** Watchers that all see the same. */
class Crowd {
  readonly created = deferred();
  readonly #size: number;
  #createdCount = 0;
  #seenCount = 0;
  #round = deferred();

  constructor(size: number) {
    this.#size = size;
  }

  join(client: H2Client, watchers: number): void {
    const key = Buffer.from('bench/fan/');
    const create = watchMethods.watch.request.encode({ type: 'create', request: { key, rangeEnd: prefixEnd(key) } });
    const send = client.call(watchMethods.watch.path, create, false, {
      onMessage: (message) => this.#onMessage(message),
      onEnd: () => this.#round.reject(new Error('a watch stream ended')),
    });
    for (let i = 1; i < watchers; i++) send(create);
  }

  /** Resolves when every watcher has seen one event more. */
  seeNext(): Promise<void> {
    this.#seenCount = 0;
    this.#round = deferred();
    return this.#round.promise;
  }

  #onMessage(message: Uint8Array): void {
    const reader = new Reader(message);
    while (reader.next()) {
      if (reader.field === createdField && reader.bool()) this.#onCreated();
      else {
        if (reader.field === eventsField) this.#onEvent();
        if (reader.field !== createdField) reader.skip();
      }
    }
  }

  #onCreated(): void {
    this.#createdCount += 1;
    if (this.#createdCount === this.#size) this.created.resolve();
  }

  #onEvent(): void {
    this.#seenCount += 1;
    if (this.#seenCount === this.#size) this.#round.resolve();
  }
}
