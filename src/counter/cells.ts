import { type Bytes, latin1 } from '../core/bytes.js';
import type { RecipeContext } from '../line/context.js';
import { Cell } from './cell.js';

/** So many that nobody uses are kept, with the last value that was seen of each. */
const idleMax = 1_000;

/** The cells of one connection: all who use the same key in a process write together. */
export class Cells {
  readonly context: RecipeContext;
  readonly #cells = new Map<string, Cell>();

  constructor(context: RecipeContext) {
    this.context = context;
  }

  of(key: Bytes): Cell {
    const id = latin1(key);
    const found = this.#cells.get(id);
    if (found !== undefined) return found;
    if (this.#cells.size >= idleMax) this.#forget();
    const cell = new Cell(this.context, key);
    this.#cells.set(id, cell);
    return cell;
  }

  /** The oldest that has nothing to do: who still knows it goes on with it, apart from those who come later. */
  #forget(): void {
    for (const [id, { busy }] of this.#cells) {
      if (busy) continue;
      this.#cells.delete(id);
      return;
    }
  }
}
