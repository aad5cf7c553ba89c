import type { Prng } from './prng.js';
import type { World } from './world.js';

/** A message on its way between a client and the server. */
export interface Message {
  readonly direction: 'toServer' | 'toClient';
  /** The only message of its call in this direction, or one of a stream. */
  readonly shape: 'unary' | 'stream';
  /** The method's path. */
  readonly path: string;
  /** The message, decoded; undefined for those that only open, cancel or end a call. */
  readonly body: unknown;
}

/** What becomes of a message. */
export interface Fate {
  delayMs: number;
  /** Before which it is not sent on its way. */
  heldUntilMs: number;
  /**
   * `silently`: nobody hears of it until a timeout or the end of the connection; `reset`: its call ends with an error
   * on both sides. On a stream nothing that was sent after it arrives either: TCP does not leave gaps.
   */
  lost: 'silently' | 'reset' | undefined;
  /** The server carries it out twice, one right after the other, and the second answer counts. */
  twice: boolean;
  /** The server says of a request that it has no room for it, carried out or not. */
  noRoom: 'applied' | 'refused' | undefined;
  /** What arrives. */
  body: unknown;
}

/** A fault that is active on a link: changes the fate of the messages it is about. */
export type Rule = (message: Message, fate: Fate, random: Prng) => void;

export interface LinkOptions {
  readonly minMs: number;
  readonly maxMs: number;
}

/** The network between one client and the server, whatever connections and calls there are on it. */
export class SimLink {
  readonly #world: World;
  readonly #random: Prng;
  readonly #options: LinkOptions;
  readonly #rules = new Set<Rule>();
  #lastArrivalMs = 0;

  constructor(world: World, random: Prng, options: LinkOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
  }

  /** Draws what becomes of `message` if it is sent now. */
  fateOf(message: Message): Fate {
    const { nowMs } = this.#world;
    const fate: Fate = {
      delayMs: this.drawDelayMs(),
      heldUntilMs: nowMs,
      lost: undefined,
      twice: false,
      noRoom: undefined,
      body: message.body,
    };
    for (const rule of this.#rules) rule(message, fate, this.#random);
    fate.delayMs += fate.heldUntilMs - nowMs;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#world.nowMs + fate.delayMs);
    this.#world.hash.number(fate.delayMs);
    return fate;
  }

  /** When the last message that is on the way will have arrived. */
  get lastArrivalMs(): number {
    return this.#lastArrivalMs;
  }

  drawDelayMs(): number {
    const { minMs, maxMs } = this.#options;
    // Squared: mostly fast, sometimes slow.
    const chance = this.#random.float();
    return minMs + chance * chance * (maxMs - minMs);
  }

  /** The function returned takes the rule back. */
  add(rule: Rule): () => void {
    this.#rules.add(rule);
    return () => this.#rules.delete(rule);
  }
}
