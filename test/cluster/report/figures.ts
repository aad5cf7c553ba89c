import { factsOf, groupBy, isOk, type Operation, operationsOf } from '../../../src/sim/checkers/operations.js';
import { grantsOf, holdOps, sectionsOf } from '../../../src/sim/checkers/sections.js';
import type { History } from '../../../src/sim/history.js';
import type { WorkName } from '../messages.js';
import type { Witnessed } from '../witness.js';
import { countIn } from '../work/counter.js';
import { detections } from './detection.js';

/** What was done in the windows of one fault. */
export interface Counts {
  fault: string;
  windows: number;
  acquisitions: number;
  acknowledged: number;
  unknown: number;
  /** Acknowledged, and not there or overwritten unseen. */
  lost: number;
  /** One write, there twice. */
  doubled: number;
  violations: number;
}

/** In milliseconds; empty where there was nothing to measure. */
export interface Figures {
  readonly handover: readonly number[];
  /** From the moment that a holder stopped, died or lost it to the next holder. */
  readonly takeover: readonly number[];
  /** From the kill of a leader to the next answered write. */
  readonly outage: readonly number[];
  /** From the end of a key that was lost to the moment at which its holder knew; below 0: it knew before. */
  readonly detection: readonly number[];
}

interface Window {
  readonly fromMs: number;
  readonly counts: Counts;
}

/** By fault: a window lasts from one fault to the next. */
export class FaultWindows {
  readonly #windows: readonly Window[];
  readonly #byFault = new Map<string, Counts>();

  constructor(history: History) {
    this.#windows = factsOf(history, 'fault').flatMap(({ data, note }) => {
      const { window } = data as { window?: string };
      return window === undefined ? [] : [{ fromMs: note.atMs, counts: this.#begin(window) }];
    });
  }

  at(atMs: number): Counts {
    const window = this.#windows.findLast(({ fromMs }) => fromMs <= atMs) ?? this.#windows[0];
    return window?.counts ?? this.#counts('none');
  }

  get all(): readonly Counts[] {
    return [...this.#byFault.values()];
  }

  #begin(fault: string): Counts {
    const counts = this.#counts(fault);
    counts.windows += 1;
    return counts;
  }

  #counts(fault: string): Counts {
    const zero = { windows: 0, acquisitions: 0, acknowledged: 0, unknown: 0, lost: 0, doubled: 0, violations: 0 };
    const counts = this.#byFault.get(fault) ?? { fault, ...zero };
    this.#byFault.set(fault, counts);
    return counts;
  }
}

/** Those that say nothing of what they leave but that they were done. */
const answered = [
  'election.proclaim',
  'queue.enqueue',
  'queue.ack',
  'registry.register',
  'registry.update',
  'registry.deregister',
  'ephemeral.keep',
  'ephemeral.update',
  'ephemeral.delete',
  'config.set',
  'doubleBarrier.enter',
  'doubleBarrier.leave',
  'latch.countDown',
  'latch.await',
  'barrier.raise',
  'barrier.lift',
  'barrier.await',
  'counter.add',
  'sequence.next',
  'limit.take',
  'stm.run',
  'cache.write',
];

const isCounter = /^data\/|^config\/app\/count$/;

/** Writes with the value that each would leave, which is written once only. */
interface Write {
  readonly operation: Operation;
  readonly value: string;
  readonly applied: boolean;
}

export function count(history: History, events: readonly Witnessed[], work: WorkName): FaultWindows {
  const windows = new FaultWindows(history);
  for (const { acquire } of grantsOf(history, holdOps)) windows.at(acquire.end?.atMs ?? 0).acquisitions += 1;
  for (const { end } of operationsOf(history, 'queue.take').filter(isOk)) windows.at(end?.atMs ?? 0).acquisitions += 1;
  const writes = writesOf(history);
  for (const { operation, applied } of writes) {
    const counts = windows.at(operation.invoke.atMs);
    if (applied) counts.acknowledged += 1;
    if (operation.result === 'unknown' || operation.result === 'open') counts.unknown += 1;
  }
  for (const { invoke, result } of operationsOf(history, ...answered)) {
    const counts = windows.at(invoke.atMs);
    if (result === 'ok') counts.acknowledged += 1;
    if (result === 'unknown' || result === 'open') counts.unknown += 1;
  }
  if (work === 'outside') countOutside(history, windows);
  else if (work === 'queue' || work === 'schedule') countJobs(history, windows);
  else if (work === 'counter') countAdditions(history, events, windows);
  else countInLog(writes, events, windows);
  return windows;
}

function writesOf(history: History): Write[] {
  const guarded = operationsOf(history, 'guarded.write').map((operation) => ({
    operation,
    value: String(operation.input.wrote),
    applied: isOk(operation) && operation.output.applied,
  }));
  const txns = operationsOf(history, 'kv.txn').flatMap((operation) => {
    const put = operation.input.success.find(({ op }) => op === 'put');
    if (put?.op !== 'put') return [];
    return [{ operation, value: put.input.value, applied: isOk(operation) && operation.output.succeeded }];
  });
  const compared = operationsOf(history, 'config.compareAndSet').map((operation) => ({
    operation,
    value: (operation.input as { wrote: string }).wrote,
    applied: operation.result === 'ok',
  }));
  return [...guarded, ...txns, ...compared];
}

/** The log of etcd as the witness saw it: each acknowledged value is in it once, and counters miss no number. */
function countInLog(writes: readonly Write[], events: readonly Witnessed[], windows: FaultWindows): void {
  const seen = groupBy(
    events.filter(({ deleted }) => !deleted),
    ({ value }) => value,
  );
  for (const { operation, value, applied } of writes) {
    const times = seen.get(value)?.length ?? 0;
    const counts = windows.at(operation.invoke.atMs);
    if (applied && times === 0) counts.lost += 1;
    if (times > 1) counts.doubled += 1;
  }
  const counters = events.filter(({ key, deleted }) => isCounter.test(key) && !deleted);
  for (const each of groupBy(counters, ({ key }) => key).values()) {
    each.forEach((event, i) => {
      const before = i === 0 ? 0 : countIn(each[i - 1]?.value ?? '');
      if (countIn(event.value) !== before + 1) windows.at(event.atMs).lost += 1;
    });
  }
}

/** Every job that was accepted was done by somebody, purged, lies among the dead letters, or is still there. */
function countJobs(history: History, windows: FaultWindows): void {
  const accounted = new Set([
    ...factsOf(history, 'queue.worked').map(({ data }) => (data as { item: string }).item),
    ...[...factsOf(history, 'queue.dead'), ...factsOf(history, 'queue.purged')].map(({ data }) => data.item),
    ...factsOf(history, 'queue.remaining').flatMap(({ data }) => data.items),
  ]);
  for (const { input, invoke } of operationsOf(history, 'queue.enqueue').filter(isOk)) {
    if (!accounted.has(input.item)) windows.at(invoke.atMs).lost += 1;
  }
}

/** Each addition makes a value that no other makes, and the last value has all of them that ended well. */
function countAdditions(history: History, events: readonly Witnessed[], windows: FaultWindows): void {
  const adds = operationsOf(history, 'counter.add').filter(({ result }) => result !== 'fail');
  const told = groupBy(adds.filter(isOk), ({ output }) => output.value);
  for (const [, each] of told) for (const { invoke } of each.slice(1)) windows.at(invoke.atMs).lost += 1;
  const last = events.findLast(({ key, deleted }) => key.startsWith('counters/') && !deleted);
  const total = Number(/^\d+/.exec(last?.value ?? '')?.[0] ?? 0);
  const counts = windows.at(last?.atMs ?? 0);
  counts.lost += Math.max(0, told.size - total);
  counts.doubled += Math.max(0, total - adds.length);
}

/** The outside store's own order: who writes must have seen what stood before. */
function countOutside(history: History, windows: FaultWindows): void {
  const all = operationsOf(history, 'guarded.write');
  const unsure = new Set(
    all.filter(({ result }) => result === 'open' || result === 'unknown').map(({ input }) => input.wrote),
  );
  const applied = all
    .filter(isOk)
    .filter(({ output }) => output.position !== undefined)
    .sort((a, b) => Number((a.output.position ?? 0n) - (b.output.position ?? 0n)));
  applied.forEach(({ input, invoke }, i) => {
    const before = applied[i - 1];
    if (before === undefined || input.saw === before.input.wrote || unsure.has(input.saw)) return;
    windows.at(invoke.atMs).lost += 1;
  });
}

export function figuresOf(history: History, events: readonly Witnessed[]): Figures {
  const handover: number[] = [];
  const takeover: number[] = [];
  for (const sections of sectionsOf(history, ['lock.acquire', 'election.campaign']).values()) {
    sections.slice(1).forEach((later, i) => {
      const earlier = sections[i];
      const begun = later.acquire.end?.atMs;
      if (earlier?.endedBy === undefined || begun === undefined) return;
      const waitedMs = begun - Math.max(earlier.endedBy.atMs, later.acquire.invoke.atMs);
      if (waitedMs < 0) return;
      const { endedBy } = earlier;
      if (endedBy.type === 'invoke') handover.push(waitedMs);
      else takeover.push(waitedMs);
    });
  }
  return { handover, takeover, outage: outages(history), detection: detections(history, events) };
}

function outages(history: History): number[] {
  const done = [...operationsOf(history, 'guarded.write', 'kv.txn').filter(isOk)];
  return factsOf(history, 'fault').flatMap(({ data, note }) => {
    if ((data as { killed?: string }).killed === undefined) return [];
    const next = done
      .filter(({ invoke }) => invoke.atMs > note.atMs)
      .reduce((first, { end }) => Math.min(first, end?.atMs ?? first), Number.POSITIVE_INFINITY);
    return Number.isFinite(next) ? [next - note.atMs] : [];
  });
}

/** The value below which a share of all lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
