import type { Violation } from '../../../../src/sim/checkers/violation.js';
import { type History, type Pending, Recorder } from '../../../../src/sim/history.js';
import type { FactOf, InputOf, OutputOf } from '../../../../src/sim/vocabulary.js';

/** Writes a history by hand: each entry 1 ms after the one before, unless `wait` says more. */
export class Tale {
  nowMs = 0;
  readonly #recorder = new Recorder({ nowMs: () => ++this.nowMs });

  get history(): History {
    return this.#recorder.history;
  }

  wait(ms: number): void {
    this.nowMs += ms;
  }

  call<Op extends string>(process: string, object: string, op: Op, input: InputOf<Op>): Pending<OutputOf<Op>> {
    return this.#recorder.invoke(process, object, op, input);
  }

  /** A call and its answer with nothing between. */
  did<Op extends string>(process: string, object: string, op: Op, input: InputOf<Op>, output: OutputOf<Op>): void {
    this.call(process, object, op, input).ok(output);
  }

  note<Fact extends string>(process: string, object: string, fact: Fact, data: FactOf<Fact>): void {
    this.#recorder.note(process, object, fact, data);
  }

  get end(): this {
    this.note('world', 'run', 'phase', { phase: 'end' });
    return this;
  }
}

export function tell(write: (tale: Tale) => void): History {
  const tale = new Tale();
  write(tale);
  return tale.history;
}

/** The rules that were broken, each once. */
export function rules(violations: readonly Violation[]): string[] {
  return [...new Set(violations.map(({ rule }) => rule))].sort();
}

/** The verdicts, each once. */
export function verdicts(violations: readonly Violation[]): string[] {
  return [...new Set(violations.map(({ verdict }) => verdict))];
}
