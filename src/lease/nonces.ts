import { type Bytes, latin1 } from '../core/bytes.js';
import { type Runtime, randomHex } from '../core/runtime.js';

/** So many places of a lease in one line have nonces that are used again: one bit each, and no sign. */
const nonceCount = 31;

/** What tells one place of a lease from its others in the same line, for as long as a request may name it. */
export interface Nonce {
  readonly text: string;
  /** The store has said that the place is gone. Only the first call counts. */
  free(): void;
  /** A request that makes it, or takes it away whatever its revision, was never answered: it is not used again. */
  spoil(): void;
}

export function usedOnce(runtime: Runtime): Nonce {
  return { text: randomHex(runtime), free: () => {}, spoil: () => {} };
}

/**
 * Nonces of one lease: the lowest that no place of the line has. A new one for each place would be a new key, of which
 * etcd keeps a trace until the next compaction; whoever enters the line has it walk over all of them (measured: from
 * 9,000 cycles a second to 4,000 within 600 uses of each of 128 names).
 */
export class Nonces {
  readonly #runtime: Runtime;
  #set = new NonceSet();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** `stands`: what the keys of such places begin with. */
  take(stands: Bytes): Nonce {
    return this.#set.take(this, this.#runtime, latin1(stands));
  }

  /** None of the set is used again. */
  drop(set: NonceSet): void {
    if (this.#set === set) this.#set = new NonceSet();
  }
}

/** Nonces that are all spoilt together: that is rare, and nobody has to remember which one it was, and where. */
class NonceSet {
  readonly #texts: string[] = [];
  /** Per line, the bits of those that are taken. */
  readonly #taken = new Map<string, number>();

  take(owner: Nonces, runtime: Runtime, line: string): Nonce {
    const taken = this.#taken.get(line) ?? 0;
    const index = lowestZero(taken);
    if (index >= nonceCount) return usedOnce(runtime);
    this.#texts[index] ??= randomHex(runtime);
    const bit = 1 << index;
    this.#taken.set(line, taken | bit);
    return new TakenNonce(this.#texts[index] as string, owner, this, line, bit);
  }

  free(line: string, bit: number): void {
    const taken = (this.#taken.get(line) ?? 0) & ~bit;
    if (taken === 0) this.#taken.delete(line);
    else this.#taken.set(line, taken);
  }
}

class TakenNonce implements Nonce {
  readonly text: string;
  readonly #owner: Nonces;
  readonly #set: NonceSet;
  readonly #line: string;
  /** 0: it is free. */
  #bit: number;

  constructor(text: string, owner: Nonces, set: NonceSet, line: string, bit: number) {
    this.text = text;
    this.#owner = owner;
    this.#set = set;
    this.#line = line;
    this.#bit = bit;
  }

  free(): void {
    if (this.#bit !== 0) this.#set.free(this.#line, this.#bit);
    this.#bit = 0;
  }

  spoil(): void {
    this.#owner.drop(this.#set);
  }
}

/** 31: there is none below. */
function lowestZero(bits: number): number {
  return 31 - Math.clz32(~bits & (bits + 1));
}
