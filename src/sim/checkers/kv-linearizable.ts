import type { History } from '../history.js';
import { KvReplay } from './kv-replay.js';
import { type KvName, kvNames, usesLease, wrote } from './kv-requests.js';
import { factsOf, isOk, type OkOperation, type Operation, operationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

export interface KvOptions {
  /**
   * Others than those recorded write as well: with the log, revisions that nobody recorded are taken as theirs.
   * Default: false.
   */
  readonly foreignWrites?: boolean | undefined;
  /** Steps of the search for who made what nobody acknowledged; then the verdict is `undecided`. Default: 2,000,000. */
  readonly maxSteps?: number | undefined;
}

/** An answered request with the place in etcd's order that its answer claims. */
export interface Acked {
  readonly operation: OkOperation<KvName>;
  /** As answered. */
  readonly revision: number;
  /** Where its answer must hold: for a read of the past that revision, else the same. */
  readonly at: number;
  readonly writes: boolean;
}

/** A write of unknown fate; `floor`: it came after this revision, if it came at all. */
export interface Unsure {
  readonly operation: Operation<KvName>;
  readonly floor: number;
}

/**
 * Linearizability of the store by its own witness, in O(n log n): etcd orders all writes by revision. So put the
 * acknowledged in that order, replay them, compare each read with the state at its revision, and let no request go
 * back behind one that had ended before it began. Writes of unknown fate are found in the server's log, or leave a
 * verdict of `undecided`.
 */
export function kvLinearizable(history: History, options: KvOptions = {}): Violation[] {
  const operations = operationsOf(history, ...kvNames);
  const acked = operations.filter(isOk).map(ackedOf);
  const floors = floorsOf(history.length, acked);
  const unsure = operations
    .filter(({ op, result }) => (result === 'unknown' || result === 'open') && op !== 'kv.range')
    .map((operation) => ({ operation, floor: floors[operation.from] as number }));
  const replay = new KvReplay({
    log: factsOf(history, 'kv.event'),
    leaseEnds: factsOf(history, 'lease.ended'),
    unsure,
    leasesUsed: () => operations.some(usesLease),
    foreignWrites: options.foreignWrites ?? false,
    maxSteps: options.maxSteps,
  });
  return [...realTime(acked, floors), ...replay.judge(inWitnessOrder(acked))];
}

function ackedOf(operation: OkOperation<KvName>): Acked {
  const revision = numberOf(operation.output.revision);
  const past = operation.op === 'kv.range' ? (operation as OkOperation<'kv.range'>).input.revision : undefined;
  const at = past === undefined || past <= 0n ? revision : numberOf(past);
  return { operation, revision, at, writes: wrote(operation) };
}

/** Revisions of a test run: far below 2^53, and much faster as numbers. */
function numberOf(revision: bigint): number {
  const number = Number(revision);
  if (!Number.isSafeInteger(number)) throw new RangeError(`revision ${revision} is too large for this checker`);
  return number;
}

/** For each position the highest revision that any answer before it has shown. */
function floorsOf(length: number, acked: readonly Acked[]): Float64Array {
  const floors = new Float64Array(length + 1);
  for (const { operation, revision } of acked) floors[operation.endAt + 1] = revision;
  for (let i = 1; i <= length; i++) {
    floors[i] = Math.max(floors[i] as number, floors[i - 1] as number);
  }
  return floors;
}

function realTime(acked: readonly Acked[], floors: Float64Array): Violation[] {
  return acked
    .filter((each) => isBehind(each, floors))
    .map(({ operation, revision, writes }) => {
      const floor = floors[operation.from] as number;
      const earlier = acked.find((each) => each.revision === floor && each.operation.endAt < operation.from);
      const what = writes ? 'wrote at' : 'read at';
      const message = `${operation.process} ${what} revision ${revision} after revision ${floor} had been answered`;
      const { invoke, end } = operation;
      return broken('kv-linearizable: real time', message, earlier?.operation.end, invoke, end);
    });
}

function isBehind({ operation, revision, writes }: Acked, floors: Float64Array): boolean {
  const floor = floors[operation.from] as number;
  if (writes) return revision <= floor;
  // A serializable read may show the past, by its own choice.
  const { serializable } = operation.input as { serializable?: boolean };
  return revision < floor && serializable !== true;
}

/**
 * By revision, and at each the write before the reads. Revisions lie close together, so that they can be counted out:
 * sorting took a third of the time.
 */
function inWitnessOrder(acked: readonly Acked[]): Acked[] {
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { at } of acked) {
    lowest = Math.min(lowest, at);
    highest = Math.max(highest, at);
  }
  const width = (highest - lowest + 1) * 2;
  if (acked.length === 0 || width > 8 * acked.length + 1024) {
    return [...acked].sort((a, b) => a.at - b.at || Number(b.writes) - Number(a.writes));
  }
  const place = ({ at, writes }: Acked) => (at - lowest) * 2 + (writes ? 0 : 1);
  const starts = new Uint32Array(width + 1);
  for (const each of acked) starts[place(each) + 1] = (starts[place(each) + 1] as number) + 1;
  for (let i = 1; i <= width; i++) starts[i] = (starts[i] as number) + (starts[i - 1] as number);
  const ordered: Acked[] = [...acked];
  for (const each of acked) {
    const at = starts[place(each)] as number;
    starts[place(each)] = at + 1;
    ordered[at] = each;
  }
  return ordered;
}
