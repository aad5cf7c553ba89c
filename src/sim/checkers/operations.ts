import type { End, Entry, History, Invoke, Note } from '../history.js';
import type { FactOf, InputOf, Operations, OutputOf } from '../vocabulary.js';
import { derived } from './derived.js';

/**
 * An invoke with its end. `from` and `to` are positions in the history; `to` is infinite when it may take effect at any
 * time.
 */
export interface Operation<Op extends string = string> {
  readonly op: Op;
  readonly process: string;
  readonly object: string;
  readonly input: InputOf<Op>;
  readonly invoke: Invoke;
  readonly from: number;
  readonly to: number;
  /** `open`: no end was recorded. */
  readonly result: 'ok' | 'fail' | 'unknown' | 'open';
  /** The position of its end, `ok` or not; infinite when `open`. */
  readonly endAt: number;
  readonly end: End | undefined;
}

export interface OkOperation<Op extends string = string> extends Operation<Op> {
  readonly result: 'ok';
  readonly output: OutputOf<Op>;
}

/** A fact with the place where it stands. */
export interface Fact<Name extends string = string> {
  readonly at: number;
  readonly note: Note;
  readonly process: string;
  readonly object: string;
  readonly data: FactOf<Name>;
}

/**
 * The operations named, in order of their calls.
 * @throws Error when the recording itself is wrong: an end without a call, or two ends of one.
 */
export function operationsOf<Op extends string>(history: History, ...names: readonly Op[]): readonly Operation<Op>[] {
  const [name, ...others] = names;
  if (others.length > 0)
    return allOperations(history).filter((each): each is Operation<Op> =>
      (names as readonly string[]).includes(each.op),
    );
  return (name === undefined ? undefined : (operationsByName(history).get(name) as Operation<Op>[] | undefined)) ?? [];
}

/** Every operation, whatever its name. */
export const allOperations: (history: History) => readonly Operation[] = derived(paired);

const operationsByName = derived((history) => groupBy(allOperations(history), ({ op }) => op));

const factsByName = derived((history) => {
  const facts: Fact[] = [];
  history.forEach((entry, at) => {
    if (entry.type !== 'note') return;
    const { process, object, data } = entry;
    facts.push({ at, note: entry, process, object, data: data as FactOf<string> });
  });
  return groupBy(facts, ({ note }) => note.fact);
});

export function isOk<Op extends string>(operation: Operation<Op>): operation is OkOperation<Op> {
  return operation.result === 'ok';
}

export function okOperationsOf<Op extends keyof Operations>(history: History, ...names: Op[]): OkOperation<Op>[] {
  return operationsOf(history, ...names).filter(isOk);
}

/** The facts of one name, in order. */
export function factsOf<Name extends string>(history: History, name: Name): readonly Fact<Name>[] {
  return (factsByName(history).get(name) as Fact<Name>[] | undefined) ?? [];
}

export function groupBy<Key, T>(items: Iterable<T>, keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** An operation while it is being put together. */
type Growing = { -readonly [Name in keyof Operation]: Operation[Name] } & {
  output: OutputOf<string> | undefined;
};

/** Histories have millions of entries: each operation is one object, and only those under way are kept in the maps. */
function paired(history: History): Operation[] {
  const operations: Operation[] = [];
  const open = new Map<string, Map<number, Growing>>();
  for (let at = 0; at < history.length; at++) {
    const entry = history[at] as Entry;
    if (entry.type === 'note') continue;
    let ofProcess = open.get(entry.process);
    if (ofProcess === undefined) {
      ofProcess = new Map();
      open.set(entry.process, ofProcess);
    }
    const known = ofProcess.get(entry.id);
    if (entry.type !== 'invoke') {
      if (known === undefined)
        throw new Error(`${entry.process} ended operation ${entry.id}, which was not under way (entry ${at})`);
      close(known, entry, at);
      ofProcess.delete(entry.id);
      continue;
    }
    if (known !== undefined) throw new Error(`${entry.process} called operation ${entry.id} twice (entry ${at})`);
    const operation = opened(entry, at);
    ofProcess.set(entry.id, operation);
    operations.push(operation);
  }
  return operations;
}

function opened(invoke: Invoke, at: number): Growing {
  const { op, process, object, input } = invoke;
  return {
    op,
    process,
    object,
    input: input as InputOf<string>,
    invoke,
    from: at,
    to: Number.POSITIVE_INFINITY,
    result: 'open',
    endAt: Number.POSITIVE_INFINITY,
    end: undefined,
    output: undefined,
  };
}

function close(operation: Growing, end: End, at: number): void {
  operation.result = end.type;
  operation.end = end;
  operation.endAt = at;
  if (end.type !== 'unknown') operation.to = at;
  if (end.type === 'ok') operation.output = end.output as OutputOf<string>;
}
