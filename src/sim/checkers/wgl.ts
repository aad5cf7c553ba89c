import type { Entry } from '../history.js';
import { groupBy } from './operations.js';
import { broken, undecided, type Violation } from './violation.js';

/** What an object is supposed to do, as a state and what each operation may make of it. */
export interface Model<State, Op> {
  readonly name: string;
  init(): State;
  /** The states in which `op` may leave `state`; none: it cannot have happened there. Pure. */
  step(state: State, op: Op): readonly State[];
  /** Equal keys, equal states. */
  keyOf(state: State): string;
}

/** One operation on one object, between two positions of a history. */
export interface Timed<Op> {
  /** What is judged apart: the object. */
  readonly part: string;
  readonly op: Op;
  readonly from: number;
  /** Infinite if its end is not known: then it happened at any time after `from`, or never. */
  readonly to: number;
  readonly entries: readonly Entry[];
}

export interface WglOptions {
  /** Steps per part after which the verdict is `undecided`. Default: 5,000,000. */
  readonly stepsMax?: number | undefined;
}

/**
 * Whether operations that overlap can be put in one order that respects time and that the model allows, per part. The
 * search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's memory of what was tried
 * ("Testing for linearizability", 2016): exponential in the number of operations at one time, so keep that small.
 */
export function wgl<State, Op>(
  operations: readonly Timed<Op>[],
  model: Model<State, Op>,
  options: WglOptions = {},
): Violation[] {
  return [...groupBy(operations, ({ part }) => part)].flatMap(([part, each]) => {
    const search = new Search(each, model, options.stepsMax ?? 5_000_000);
    const verdict = search.run();
    const rule = `wgl: ${model.name}`;
    if (verdict === 'ok') return [];
    if (verdict === 'undecided') {
      const message = `${part}: gave up after ${search.steps} steps with ${each.length} operations`;
      return [undecided(rule, message, ...search.stuckAt)];
    }
    const message =
      `${part}: no order of the ${each.length} operations explains what was seen; the longest explains ` +
      `${search.longest}`;
    return [broken(rule, message, ...search.stuckAt)];
  });
}

/** One operation put in its place, and how to go back before it. */
interface Chosen<State> {
  readonly index: number;
  readonly state: State;
  readonly next: readonly State[];
  /** Which of `next` comes if this one leads nowhere. */
  branch: number;
}

class Search<State, Op> {
  steps = 0;
  /** How many operations of known end were explained at best. */
  longest = 0;
  stuckAt: readonly Entry[] = [];
  readonly #model: Model<State, Op>;
  readonly #stepsMax: number;
  /** Those of known end, in order of their calls, and behind them the others. */
  readonly #ops: readonly Timed<Op>[];
  readonly #knownCount: number;
  readonly #done: boolean[];
  readonly #seen = new Set<string>();
  /** All of known end before this one are done. */
  #low = 0;
  #knownDone = 0;
  readonly #othersDone = new Set<number>();

  constructor(operations: readonly Timed<Op>[], model: Model<State, Op>, stepsMax: number) {
    const inOrder = [...operations].sort((a, b) => a.from - b.from);
    const known = inOrder.filter(({ to }) => to !== Number.POSITIVE_INFINITY);
    this.#ops = [...known, ...inOrder.filter(({ to }) => to === Number.POSITIVE_INFINITY)];
    this.#knownCount = known.length;
    this.#done = this.#ops.map(() => false);
    this.#model = model;
    this.#stepsMax = stepsMax;
  }

  run(): 'ok' | 'broken' | 'undecided' {
    const path: Chosen<State>[] = [];
    let state = this.#model.init();
    let from = 0;
    // Bounded by `stepsMax`.
    while (this.#knownDone < this.#knownCount) {
      const chosen = this.#choose(state, from);
      if (this.steps > this.#stepsMax) return 'undecided';
      if (chosen !== undefined) {
        path.push(chosen);
        [state, from] = [chosen.next[0] as State, 0];
        continue;
      }
      const back = this.#goBack(path);
      if (back === undefined) return 'broken';
      [state, from] = back;
    }
    return 'ok';
  }

  /** The next operation, from place `from` on, that may come now and leads to something new. */
  #choose(state: State, from: number): Chosen<State> | undefined {
    // What is called after another has ended cannot come before it.
    let bound = Number.POSITIVE_INFINITY;
    for (let index = this.#low; index < this.#knownCount; index++) {
      const op = this.#ops[index] as Timed<Op>;
      if (op.from > bound) break;
      if (this.#done[index]) continue;
      bound = Math.min(bound, op.to);
      const chosen = index < from ? undefined : this.#try(index, state);
      if (chosen !== undefined) return chosen;
    }
    for (let index = Math.max(from, this.#knownCount); index < this.#ops.length; index++) {
      if ((this.#ops[index] as Timed<Op>).from > bound) break;
      const chosen = this.#done[index] ? undefined : this.#try(index, state);
      if (chosen !== undefined) return chosen;
    }
    this.#noteStuck();
    return undefined;
  }

  #try(index: number, state: State): Chosen<State> | undefined {
    this.steps += 1;
    if (this.steps > this.#stepsMax) return undefined;
    const { op } = this.#ops[index] as Timed<Op>;
    const next = this.#model.step(state, op);
    if (next.length === 0) return undefined;
    this.#take(index);
    // What need not have happened, and changed nothing, is left out.
    const idle = index >= this.#knownCount ? this.#model.keyOf(state) : undefined;
    const news = next.filter((each) => this.#isNew(each, idle));
    if (news.length > 0) return { index, state, next: news, branch: 0 };
    this.#giveBack(index);
    return undefined;
  }

  #goBack(path: Chosen<State>[]): [state: State, from: number] | undefined {
    const last = path.at(-1);
    if (last === undefined) return undefined;
    last.branch += 1;
    const other = last.next[last.branch];
    if (other !== undefined) return [other, 0];
    path.pop();
    this.#giveBack(last.index);
    return [last.state, last.index + 1];
  }

  #take(index: number): void {
    this.#done[index] = true;
    if (index >= this.#knownCount) {
      this.#othersDone.add(index);
      return;
    }
    this.#knownDone += 1;
    while (this.#low < this.#knownCount && this.#done[this.#low]) this.#low += 1;
  }

  #giveBack(index: number): void {
    this.#done[index] = false;
    if (index >= this.#knownCount) {
      this.#othersDone.delete(index);
      return;
    }
    this.#knownDone -= 1;
    this.#low = Math.min(this.#low, index);
  }

  #isNew(state: State, idle: string | undefined): boolean {
    const key = this.#model.keyOf(state);
    if (key === idle) return false;
    const place = `${this.#doneKey()}/${key}`;
    if (this.#seen.has(place)) return false;
    this.#seen.add(place);
    return true;
  }

  /** Equal keys, equal sets of operations done. */
  #doneKey(): string {
    const parts = [this.#low];
    let ahead = this.#knownDone - this.#low;
    for (let index = this.#low + 1; ahead > 0; index++) {
      if (!this.#done[index]) continue;
      parts.push(index);
      ahead -= 1;
    }
    if (this.#othersDone.size > 0) parts.push(...[...this.#othersDone].sort((a, b) => a - b));
    return parts.join();
  }

  /** For the message: what could not be explained at the point where most was. */
  #noteStuck(): void {
    if (this.#knownDone < this.longest) return;
    this.longest = this.#knownDone;
    const open: Entry[] = [];
    for (let index = this.#low; index < this.#knownCount && open.length < 8; index++) {
      if (!this.#done[index]) open.push(...(this.#ops[index] as Timed<Op>).entries);
    }
    this.stuckAt = open;
  }
}
