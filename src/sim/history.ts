import type { FactOf, InputOf, OutputOf } from './vocabulary.js';

/**
 * What happened in a run, as plain data: the same for a simulated run (virtual time, one recorder) and for a real one
 * (a file per process, merged; all on one machine, so that their monotonic clocks agree). Checkers are pure functions
 * of it.
 *
 * The position in a history is the order: an entry that stands before another happened before it. `atMs` is for what is
 * promised in time. Names of operations and facts with their data are in `vocabulary.ts`; other names may be used with
 * any plain data.
 */
export type History = readonly Entry[];

/** What an entry may carry. Bytes are text here: one char per byte for keys, whatever suits for values. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | bigint
  | readonly Plain[]
  | { readonly [name: string]: Plain | undefined };

interface Happened {
  /** Milliseconds of the run's one clock: virtual time, or the machine's monotonic clock with its fractions. */
  readonly atMs: number;
  /** Who did or saw it: a client, `server` or `world`. A client that starts again is another process. */
  readonly process: string;
}

/** A process calls an operation on an object: a lock by its name, the store. */
export interface Invoke extends Happened {
  readonly type: 'invoke';
  /** Unique within the process. */
  readonly id: number;
  readonly object: string;
  readonly op: string;
  readonly input: Plain;
}

export interface Ok extends Happened {
  readonly type: 'ok';
  readonly id: number;
  readonly output: Plain;
}

/** It was not done, and never will be. */
export interface Fail extends Happened {
  readonly type: 'fail';
  readonly id: number;
  readonly error: string;
}

/** It may have been done, or may be yet. */
export interface Unknown extends Happened {
  readonly type: 'unknown';
  readonly id: number;
  readonly error: string;
}

/** Something seen that nobody called: a reading of `held`, a watch event, what the server did by itself. */
export interface Note extends Happened {
  readonly type: 'note';
  readonly object: string;
  readonly fact: string;
  readonly data: Plain;
}

export type End = Ok | Fail | Unknown;
export type Entry = Invoke | End | Note;

/**
 * An operation that is under way. The first of its ends counts; a second one is a mistake of the recording and throws.
 */
export interface Pending<Output = Plain> {
  readonly id: number;
  ok(output: Output): void;
  fail(error: unknown): void;
  unknown(error: unknown): void;
  /** `fail` or `unknown`, as the `outcome` of a ConclaveError says; any other error is `unknown`. */
  threw(error: unknown): void;
}

export interface RecorderOptions {
  /** Reads the run's clock. */
  readonly nowMs: () => number;
  /** Called with each entry at once: a process that may be killed writes its file as it goes. */
  readonly onEntry?: ((entry: Entry) => void) | undefined;
}

/** Writes a history down. One recorder serves all processes of a simulation, or the one process it runs in. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #entries: Entry[] = [];
  #lastId = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Everything so far: grows with the recording. */
  get history(): History {
    return this.#entries;
  }

  invoke<Op extends string>(process: string, object: string, op: Op, input: InputOf<Op>): Pending<OutputOf<Op>> {
    const id = ++this.#lastId;
    const end = (type: 'fail' | 'unknown', error: unknown) => {
      once();
      this.#add({ type, atMs: this.#options.nowMs(), process, id, error: errorText(error) });
    };
    let ended = false;
    const once = () => {
      if (ended) throw new Error(`operation ${id} (${op} on ${object}) was ended twice`);
      ended = true;
    };
    this.#add({ type: 'invoke', atMs: this.#options.nowMs(), process, id, object, op, input: input as Plain });
    return {
      id,
      ok: (output) => {
        once();
        this.#add({ type: 'ok', atMs: this.#options.nowMs(), process, id, output: output as Plain });
      },
      fail: (error) => end('fail', error),
      unknown: (error) => end('unknown', error),
      threw: (error) => end(outcomeOf(error), error),
    };
  }

  /** `call` as an operation whose end is recorded when it settles; `show` tells its result in plain data. */
  async run<Op extends string, T>(
    process: string,
    object: string,
    op: Op,
    input: InputOf<Op>,
    call: () => Promise<T>,
    show: (result: T) => OutputOf<Op>,
  ): Promise<T> {
    const pending = this.invoke(process, object, op, input);
    let result: T;
    try {
      result = await call();
    } catch (error) {
      pending.threw(error);
      throw error;
    }
    pending.ok(show(result));
    return result;
  }

  note<Fact extends string>(process: string, object: string, fact: Fact, data: FactOf<Fact>): void {
    this.#add({ type: 'note', atMs: this.#options.nowMs(), process, object, fact, data: data as Plain });
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    this.#options.onEntry?.(entry);
  }
}

/** Read by shape, so that histories know nothing of the code that they judge. */
function outcomeOf(error: unknown): 'fail' | 'unknown' {
  const outcome = typeof error === 'object' && error !== null && 'outcome' in error ? error.outcome : undefined;
  return outcome === 'not-applied' ? 'fail' : 'unknown';
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  return `${code}${error.message}`;
}

/**
 * One history of several, each in its own order. What happened at the same instant in two of them is told as
 * concurrent as far as the order of each allows: calls come before ends.
 */
export function mergeHistories(...histories: readonly History[]): History {
  const ranked = histories.flatMap((history) => {
    let atMs = Number.NEGATIVE_INFINITY;
    let rank = 0;
    return history.map((entry) => {
      if (entry.atMs < atMs) throw new Error(`the clock of ${entry.process} went back at ${entry.atMs} ms`);
      // Within one file and instant the order is known, and a call that follows an end must stay behind it.
      rank = Math.max(entry.atMs > atMs ? 0 : rank, rankOf[entry.type]);
      atMs = entry.atMs;
      return { entry, rank };
    });
  });
  return ranked.sort((a, b) => a.entry.atMs - b.entry.atMs || a.rank - b.rank).map(({ entry }) => entry);
}

const rankOf = { invoke: 0, note: 1, ok: 2, fail: 2, unknown: 2 } as const satisfies Record<Entry['type'], number>;

/** JSON lines, one per entry, each with its newline. A bigint is written as text, `"12n"`. */
export function encodeHistory(history: History): string {
  return history.map(encodeEntry).join('');
}

export function encodeEntry(entry: Entry): string {
  return `${JSON.stringify(entry, (_, value: unknown) => encodeValue(value))}\n`;
}

/**
 * Reads what `encodeHistory` wrote. A last line without its newline, left by a process that was killed, is not counted.
 * @throws SyntaxError with the number of the line that is no JSON.
 */
export function decodeHistory(text: string): History {
  const lines = text.split('\n');
  // What stands after the last newline: nothing, or a line that was torn.
  lines.pop();
  return lines.map((line, i) => {
    try {
      return JSON.parse(line, (_, value: unknown) => decodeValue(value)) as Entry;
    } catch (error) {
      throw new SyntaxError(`line ${i + 1} of the history is no JSON`, { cause: error });
    }
  });
}

/** Text that looks like a bigint, or like such text already marked, gets a mark in front. */
function encodeValue(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string' && /^~*-?\d+n$/.test(value)) return `~${value}`;
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`${value} cannot be written as JSON`);
  return value;
}

function decodeValue(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (/^-?\d+n$/.test(value)) return BigInt(value.slice(0, -1));
  return /^~+-?\d+n$/.test(value) ? value.slice(1) : value;
}
