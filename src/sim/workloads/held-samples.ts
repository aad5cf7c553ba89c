import type { Held } from '../../line/held.js';
import type { SimClient } from '../sim-client.js';

interface Sampled {
  readonly client: SimClient;
  readonly line: string;
  readonly held: Held;
  /** What was written down last: a reading that says the same again says nothing. */
  last: string;
}

/**
 * Everything that is held now, by whoever believes so. It is read while its process runs, at any event of the world: between
 * two events of the process there is no other moment at which its own code could read it.
 */
export class HeldSamples {
  readonly #held = new Set<Sampled>();

  /** The function returned ends it. */
  add(client: SimClient, line: string, held: Held): () => void {
    const sampled: Sampled = { client, line, held, last: '' };
    this.#held.add(sampled);
    return () => this.#held.delete(sampled);
  }

  /** Reads every one of them and writes down what is new. */
  look(): void {
    for (const sampled of this.#held) {
      const { process } = sampled.client;
      if (process.crashed) this.#held.delete(sampled);
      else if (!process.paused) read(sampled);
    }
  }
}

function read(sampled: Sampled): void {
  const { client, line, held } = sampled;
  const believes = held.held;
  const serverHas = client.server.has(held.key, held.fence);
  const news = `${believes} ${serverHas}`;
  if (news === sampled.last && !believes) return;
  if (news === sampled.last && serverHas) return;
  sampled.last = news;
  const { fence, leaseId: lease, remainingMs } = held;
  client.recorder.note(client.name, line, 'held', { fence, lease, held: believes, remainingMs, serverHas });
}
