import type { History } from '../history.js';
import { factsOf, isOk, type OkOperation, type Operation, operationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/** What the keys of the transactions were from a revision on. */
interface State {
  readonly at: number;
  /** It may have come earlier than it was seen. */
  readonly earliestMs?: number;
  readonly values: Readonly<Record<string, string>>;
  /** The keys that this revision wrote. */
  readonly changed: readonly string[];
}

/**
 * Each transaction appends its own id to the keys that it writes, so that the log tells which revision is its. What
 * ended well is there once and as a whole, what it had read is the state before it; one that wrote nothing has read a
 * state that there was while it ran.
 */
export function stm(history: History): Violation[] {
  const states = factsOf(history, 'stm.state').map(({ at, data }): State => ({ at, ...data }));
  return operationsOf(history, 'stm.run').flatMap((run) => {
    if (run.input.appends.length === 0) return isOk(run) ? readOnly(run, states) : [];
    return writing(run, states);
  });
}

function writing(run: Operation<'stm.run'>, states: readonly State[]): Violation[] {
  const { id, appends, clears } = run.input;
  const commits = states.flatMap(({ values, changed }, i) =>
    changed.some((key) => lastOf(values[key]) === id) ? [i] : [],
  );
  const [commit] = commits;
  if (commits.length > 1) return [broken('stm: once', `${id} was committed ${commits.length} times`, run.invoke)];
  if (commit === undefined) {
    return run.result === 'ok' ? [broken('stm: kept', `${id} is nowhere`, run.invoke, run.end)] : [];
  }
  if (run.result === 'fail') return [broken('stm: once', `${id} failed, and was committed`, run.invoke, run.end)];
  const { values } = states[commit] as State;
  const found: Violation[] = [];
  if (appends.some((key) => lastOf(values[key]) !== id) || clears.some((key) => values[key] !== undefined)) {
    found.push(broken('stm: whole', `${id} was committed in part`, run.invoke, run.end));
  }
  if (isOk(run) && !sameAs(run, states[commit - 1]?.values ?? {})) {
    found.push(
      broken('stm: serializable', `${id} had read what was not so when it was committed`, run.invoke, run.end),
    );
  }
  return found;
}

function readOnly(run: OkOperation<'stm.run'>, states: readonly State[]): Violation[] {
  const since = states.findLastIndex(({ at }) => at < run.from);
  const possible = [{}, ...states.map(({ values }) => values)].filter(
    (_, i) => i - 1 >= since && cameBefore(states[i - 1], run),
  );
  if (possible.some((values) => sameAs(run, values))) return [];
  return [broken('stm: serializable', `${run.input.id} has read what there never was`, run.invoke, run.end)];
}

function cameBefore(state: State | undefined, { endAt, end }: OkOperation<'stm.run'>): boolean {
  if (state?.earliestMs === undefined) return (state?.at ?? 0) <= endAt;
  return state.earliestMs <= (end?.atMs ?? Number.POSITIVE_INFINITY);
}

function sameAs(run: OkOperation<'stm.run'>, values: State['values']): boolean {
  return run.input.reads.every((key) => (run.output.seen[key] ?? '') === (values[key] ?? ''));
}

function lastOf(value: string | undefined): string | undefined {
  return value?.split(' ').at(-1);
}
