import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';

/** What is told of an access: refused for an old fence, or carried out. */
export type Access<T> = { readonly refused: true } | { readonly refused: false; readonly value: T };

/**
 * Something that etcd does not know of: a file share, a database. It remembers the highest fence that it was shown, on
 * reads as well as on writes, and refuses lower ones (DESIGN.md section 3, rule 11). With `fenced: false` it takes
 * whatever comes: the control run that must show losses.
 */
export class OutsideStore {
  readonly #random: Prng;
  readonly #fenced: boolean;
  readonly #cells = new Map<string, Cell>();

  constructor(random: Prng, fenced = true) {
    this.#random = random;
    this.#fenced = fenced;
  }

  read(client: SimClient, name: string, fence: bigint): Promise<Access<string>> {
    return this.#call(client, () => this.#admit(name, fence, (cell) => cell.value));
  }

  /** Resolves to the place of the write in the store's order. */
  write(client: SimClient, name: string, fence: bigint, value: string): Promise<Access<bigint>> {
    return this.#call(client, () =>
      this.#admit(name, fence, (cell) => {
        cell.value = value;
        cell.writes += 1n;
        return cell.writes;
      }),
    );
  }

  #admit<T>(name: string, fence: bigint, access: (cell: Cell) => T): Access<T> {
    const cell = this.#cells.get(name) ?? { value: '', writes: 0n, fence: 0n };
    this.#cells.set(name, cell);
    if (this.#fenced && fence < cell.fence) return { refused: true };
    cell.fence = fence > cell.fence ? fence : cell.fence;
    return { refused: false, value: access(cell) };
  }

  /** There and back over a network of its own, which may be slow. */
  #call<T>(client: SimClient, serve: () => T): Promise<T> {
    const { world, process } = client;
    return new Promise((resolve) => {
      world.after(this.#delayMs(), undefined, 'outside', () => {
        const answer = serve();
        world.after(this.#delayMs(), process, 'outside reply', () => resolve(answer));
      });
    });
  }

  #delayMs(): number {
    return this.#random.chance(0.1) ? this.#random.between(0, 3000) : this.#random.between(0.2, 5);
  }
}

interface Cell {
  value: string;
  writes: bigint;
  fence: bigint;
}
