import type { End, Entry, History, Invoke, Note } from '../history.js';
import type { FactOf, InputOf, Operations, OutputOf } from '../vocabulary.js';

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

interface Open {
  readonly invoke: Invoke;
  readonly from: number;
  endAt: number;
  end: End | undefined;
}

/**
 * The operations named, in order of their calls.
 * @throws Error when the recording itself is wrong: an end without a call, or two ends of one.
 */
export function operationsOf<Op extends string>(history: History, ...names: readonly Op[]): Operation<Op>[] {
  const wanted: ReadonlySet<string> = new Set(names);
  return paired(history)
    .filter(({ invoke }) => wanted.has(invoke.op))
    .map((each) => operation<Op>(each));
}

/** Every operation, whatever its name. */
export function allOperations(history: History): Operation[] {
  return paired(history).map((each) => operation<string>(each));
}

export function isOk<Op extends string>(operation: Operation<Op>): operation is OkOperation<Op> {
  return operation.result === 'ok';
}

export function okOperationsOf<Op extends keyof Operations>(history: History, ...names: Op[]): OkOperation<Op>[] {
  return operationsOf(history, ...names).filter(isOk);
}

/** The facts of one name, in order. */
export function factsOf<Name extends string>(history: History, name: Name): Fact<Name>[] {
  const facts: Fact<Name>[] = [];
  history.forEach((entry, at) => {
    if (entry.type !== 'note' || entry.fact !== name) return;
    const { process, object } = entry;
    facts.push({ at, note: entry, process, object, data: entry.data as FactOf<Name> });
  });
  return facts;
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

function paired(history: History): Open[] {
  const operations: Open[] = [];
  const byProcess = new Map<string, Map<number, Open>>();
  for (let at = 0; at < history.length; at++) {
    const entry = history[at] as Entry;
    if (entry.type === 'note') continue;
    const ofProcess = byProcess.get(entry.process) ?? new Map<number, Open>();
    byProcess.set(entry.process, ofProcess);
    const known = ofProcess.get(entry.id);
    if (entry.type !== 'invoke') {
      endOf(known, entry, at);
      continue;
    }
    if (known !== undefined) throw new Error(`${entry.process} called operation ${entry.id} twice (entry ${at})`);
    const open: Open = { invoke: entry, from: at, endAt: Number.POSITIVE_INFINITY, end: undefined };
    ofProcess.set(entry.id, open);
    operations.push(open);
  }
  return operations;
}

function endOf(open: Open | undefined, end: End, at: number): void {
  if (open === undefined)
    throw new Error(`${end.process} ended operation ${end.id}, which it never called (entry ${at})`);
  if (open.end !== undefined) throw new Error(`${end.process} ended operation ${end.id} twice (entry ${at})`);
  open.end = end;
  open.endAt = at;
}

function operation<Op extends string>({ invoke, from, end, endAt }: Open): Operation<Op> {
  const result = end === undefined ? 'open' : end.type;
  const plain = {
    op: invoke.op as Op,
    process: invoke.process,
    object: invoke.object,
    input: invoke.input as InputOf<Op>,
    invoke,
    from,
    to: result === 'ok' || result === 'fail' ? endAt : Number.POSITIVE_INFINITY,
    result,
    endAt,
    end,
    output: end?.type === 'ok' ? (end.output as OutputOf<Op>) : undefined,
  } as const;
  return plain;
}
