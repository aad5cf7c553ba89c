import { Prng } from '../../src/sim/prng.js';
import type { Target } from './targets.js';

/** Tries of one target in a row. */
const tries = 200;

export interface FuzzResult {
  readonly inputs: number;
  readonly bytes: number;
  /** Undefined: nothing found. */
  readonly found: string | undefined;
}

/** Gives `targets` random bytes in turn until one fails or `isOver` says so, after each round. */
export function fuzz(
  targets: readonly Target[],
  seed: number,
  isOver: (bytes: number) => boolean,
  onRound: (result: FuzzResult) => void = () => {},
): FuzzResult {
  const random = new Prng(seed);
  let inputs = 0;
  let bytes = 0;
  do {
    for (const target of targets) {
      for (let left = tries; left > 0; left--) {
        const input = target.input(random);
        inputs += 1;
        bytes += input.length;
        const failure = failureOf(target, input);
        if (failure !== undefined) return { inputs, bytes, found: failure };
      }
    }
    onRound({ inputs, bytes, found: undefined });
  } while (!isOver(bytes));
  return { inputs, bytes, found: undefined };
}

function failureOf({ name, run }: Target, input: Buffer): string | undefined {
  try {
    run(input);
    return undefined;
  } catch (error) {
    return `${name}: ${error instanceof Error ? error.stack : String(error)}\ninput: ${input.toString('hex')}`;
  }
}
