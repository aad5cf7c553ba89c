import type { Bytes } from '../core/bytes.js';
import type { RecipeContext } from '../line/context.js';

/** One election: where it is held. */
export interface Ground {
  readonly context: RecipeContext;
  readonly name: string;
  readonly prefix: Bytes;
}

/** For messages. */
export function whatOf({ name }: Ground): string {
  return `election ${JSON.stringify(name)}`;
}
