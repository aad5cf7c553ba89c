import type { Leader } from '../../../src/election/leader.js';
import type { Leadership } from '../../../src/election/leadership.js';
import { monotonicMs, sleep, until } from '../clock.js';
import { addOne } from './guarded-write.js';
import { type Client, callAsHolder, expectError, type Observing, release, type Work, watchHeld } from './work.js';

const campaignTimeoutMs = 10_000;
/** In which every observer must have been shown the last state, after everything is healed. */
const settleBoundMs = 15_000;

/**
 * Stands for election, leads for a while, proclaims and adds one to a counter, steps down; beside it an observer of
 * each election.
 */
export const electionWork: Work = {
  run: async (client) => {
    let turn = 0;
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      turn += 1;
      await oneTerm(client, client.random.pick(client.config.names), `${client.name}.${turn}`);
    }
  },
  observe: (client) => {
    const observers = client.config.names.map((name) => new Observer(client, name));
    return {
      settle: async () => {
        await until(settleBoundMs, () => observers.every(({ last }) => last === null));
      },
      done: Promise.all(observers.map(({ done }) => done)).then(() => {}),
    } satisfies Observing;
  },
};

async function oneTerm(client: Client, name: string, value: string): Promise<void> {
  const line = `election/${name}`;
  const leadership = await campaign(client, name, line, value);
  if (leadership === undefined) return sleep(client.random.between(20, 100));
  const over = watchHeld(client, line, leadership);
  client.tell({ type: 'progress', holding: line });
  for (let turn = client.random.below(3); turn > 0; turn--) {
    await sleep(client.random.between(0, 40));
    await proclaim(client, line, leadership, `${value}/${turn}`);
  }
  await addOne(client, name, line, leadership, value);
  over();
  client.tell({ type: 'progress', holding: null });
  await release(client, line, leadership);
}

async function campaign(client: Client, name: string, line: string, value: string): Promise<Leadership | undefined> {
  const pending = client.recorder.invoke(client.name, line, 'election.campaign', { value });
  try {
    const options = { timeoutMs: campaignTimeoutMs, signal: client.finishing };
    const leadership = await client.conclave.election(name).campaign(value, options);
    const atMs = monotonicMs();
    const { fence, leaseId: lease, key } = leadership;
    const grant = leadership.held ? { fence, lease, key } : null;
    client.tape.at(atMs, () => pending.ok(grant));
    return grant === null ? undefined : leadership;
  } catch (error) {
    pending.fail(error);
    if (!client.finishing.aborted) expectError(client, error);
    return undefined;
  }
}

async function proclaim(client: Client, line: string, leadership: Leadership, value: string): Promise<void> {
  const { fence } = leadership;
  const call = () => client.recorder.invoke(client.name, line, 'election.proclaim', { fence, value });
  const pending = callAsHolder(client, line, leadership, call);
  if (pending === undefined) return;
  try {
    await leadership.proclaim(value);
    pending.ok(null);
  } catch (error) {
    // A loss in the middle of it says nothing of what the store did.
    pending.unknown(error);
    expectError(client, error);
  }
}

/** Writes down what it is shown; begins again, as another observer, after an error. */
class Observer {
  last: Leader | null | undefined;
  readonly done: Promise<void>;
  readonly #client: Client;
  readonly #name: string;

  constructor(client: Client, name: string) {
    this.#client = client;
    this.#name = name;
    this.done = this.#run();
  }

  async #run(): Promise<void> {
    const { closing, recorder, name: process } = this.#client;
    const line = `election/${this.#name}`;
    // Bounded by the suite, which tells when to close.
    for (let life = 1; !closing.aborted; life++) {
      const observer = `${this.#name}.${life}`;
      try {
        await this.#observe(line, observer);
      } catch (error) {
        if (!closing.aborted) expectError(this.#client, error);
      }
      recorder.note(process, line, 'view.end', { observer });
      if (!closing.aborted) await sleep(100);
    }
  }

  async #observe(line: string, observer: string): Promise<void> {
    const { conclave, closing, recorder, name: process } = this.#client;
    for await (const leader of conclave.election(this.#name).observe({ signal: closing })) {
      this.last = leader;
      const value = leader === null ? null : { term: leader.term, value: leader.value };
      recorder.note(process, line, 'view', { observer, value });
    }
  }
}
