import type { RecipeContext } from '../line/context.js';
import { linePrefix } from '../line/context.js';
import { type LineRoot, lockRoot } from '../line/line-kind.js';
import { type ListOptions, wholeLines } from '../line/whole-lines.js';
import { type Leader, leaderOf } from './leader.js';

/** Where elections live, below the namespace. */
export const electionRoot = 'elections';

const lines: LineRoot = { ...lockRoot, root: electionRoot };

/** An election in a list. */
export interface ElectionSummary {
  readonly name: string;
  readonly leader: Leader;
  /** Those who stand behind the leader, in order. */
  readonly candidates: readonly Leader[];
}

/** All elections at once. */
export class Elections {
  readonly #context: RecipeContext;

  constructor(context: RecipeContext) {
    this.#context = context;
  }

  /**
   * Yields every election in which somebody stands and whose name starts with `prefix`, all of them at one revision,
   * read page by page. A prefix that starts with `/` is one of keys: whatever hangs on a lease below it counts.
   * @throws ConclaveError `COMPACTED` when the store forgot that revision meanwhile: list again.
   */
  async *list(prefix = '', options: ListOptions = {}): AsyncGenerator<ElectionSummary, void, undefined> {
    for await (const { name, places } of wholeLines(this.#context, prefix, { ...options, roots: [lines] })) {
      const line = linePrefix(this.#context, electionRoot, name);
      const [leader, ...candidates] = places.map((place) => leaderOf(line, place));
      if (leader !== undefined) yield { name, leader, candidates };
    }
  }
}
