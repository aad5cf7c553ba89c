import { latin1, utf8 } from '../../core/bytes.js';
import type { Held } from '../../line/held.js';
import type { SimClient } from '../sim-client.js';

/** Something that a process believes to have, with the server's word on it. */
export interface Belief {
  readonly client: SimClient;
  /** The object of the history. */
  readonly object: string;
  readonly fence: bigint;
  readonly lease: bigint;
  /** As the code under test tells it. */
  remainingMs(): number;
  held(): boolean;
  serverHas(): boolean;
}

/** What a handle tells of itself. */
type Readable = Pick<Held, 'fence' | 'leaseId' | 'remainingMs' | 'held'>;

interface Sampled extends Belief {
  /** What was written down last. */
  last: string;
}

/**
 * Everything that is held now, by whoever believes so. It is read while its process runs, at any event of the world:
 * between two events of the process there is no other moment at which its own code could read it.
 */
export class HeldSamples {
  readonly #sampled = new Set<Sampled>();

  /** The function returned ends it. */
  add(belief: Belief): () => void {
    const sampled: Sampled = { ...belief, last: '' };
    this.#sampled.add(sampled);
    return () => this.#sampled.delete(sampled);
  }

  /** Samples `held` until the function returned is called, and writes down a loss. */
  watch(client: SimClient, object: string, held: Held): () => void {
    const key = latin1(utf8(held.key));
    const stopSamples = this.#sample(client, object, held, () => client.server.has(key, held.fence));
    const stopListening = noteLoss(client, object, held);
    return () => {
      stopSamples();
      stopListening();
    };
  }

  /** Samples what goes with its lease, until the function returned is called. */
  watchLease(client: SimClient, object: string, held: Readable): () => void {
    return this.#sample(client, object, held, () => client.server.hasLease(held.leaseId));
  }

  #sample(client: SimClient, object: string, held: Readable, serverHas: () => boolean): () => void {
    const { fence, leaseId: lease } = held;
    return this.add({
      ...{ client, object, fence, lease, serverHas },
      remainingMs: () => held.remainingMs,
      held: () => held.held,
    });
  }

  /** Reads every one of them and writes down what is new, or wrong. */
  look(): void {
    for (const sampled of this.#sampled) {
      const { process } = sampled.client;
      if (process.crashed) this.#sampled.delete(sampled);
      // What it reads first when it goes on is news, whatever it is.
      else if (process.paused) sampled.last = '';
      else read(sampled);
    }
  }
}

/** Writes down when it is lost; the function returned ends it. */
export function noteLoss(client: SimClient, object: string, held: Held): () => void {
  const { fence, leaseId: lease } = held;
  return held.onLost(({ message: reason, loss }) => {
    client.recorder.note(client.name, object, 'lost', { fence, lease, reason, ...(loss && { loss }) });
  });
}

function read(sampled: Sampled): void {
  const { client, object, fence, lease } = sampled;
  const held = sampled.held();
  const serverHas = sampled.serverHas();
  const news = `${held} ${serverHas}`;
  if (news === sampled.last && (serverHas || !held)) return;
  sampled.last = news;
  client.recorder.note(client.name, object, 'held', {
    fence,
    lease,
    held,
    remainingMs: sampled.remainingMs(),
    serverHas,
  });
}
