import { type Bytes, latin1 } from '../core/bytes.js';
import { IdleMap } from '../core/idle-map.js';
import type { RecipeContext } from '../line/context.js';
import { Cell } from './cell.js';

/** So many that nobody uses are kept, with the last value that was seen of each. */
const idleMax = 1_000;

/** The cells of one connection: all who use the same key in a process write together. */
export class Cells {
  readonly context: RecipeContext;
  readonly #cells = new IdleMap<Cell>(idleMax);

  constructor(context: RecipeContext) {
    this.context = context;
  }

  of(key: Bytes): Cell {
    return this.#cells.of(latin1(key), () => new Cell(this.context, key));
  }
}
