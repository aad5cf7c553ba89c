/** A known bug, and how to put it into the compiled library. */
export interface Mutant {
  readonly name: string;
  /** Who had it, or where it is written up. */
  readonly origin: string;
  readonly edits: readonly Edit[];
  /** The workloads that should find it, tried in turns. */
  readonly workloads: readonly string[];
  /** What it breaks: only a violation of one of these counts. */
  readonly rules: readonly string[];
}

export interface Edit {
  /** Below the compiled `src`. */
  readonly file: string;
  /** Must be there exactly once: a mutant whose place is gone must be written anew, not skipped. */
  readonly find: string;
  readonly replace: string;
}

/** The text with the edit made. */
export function applyEdit(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(`${file}: found ${parts.length - 1} times, expected once: ${JSON.stringify(find)}`);
  }
  return parts.join(replace);
}
