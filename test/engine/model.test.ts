import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { WatchHub } from '../../src/engine/watch-hub.js';
import type { Event, WatchCreateRequest } from '../../src/store/messages.js';
import { NaiveModel } from './naive-model.js';
import { type CallName, type Operation, operation } from './operations.js';
import { debase, type Place, rebase } from './rebase.js';
import { newEngine } from './support.js';

const place: Place = { prefix: '', baseRevision: 1n, leaseBase: 0n };

/** The engine with its watches, as something that operations can be called on. */
class Subject {
  readonly #engine: Engine = newEngine({
    onEntry: (entry) => {
      if (entry.type === 'changes') this.#hub.add(entry.changes);
    },
  });
  readonly #hub = new WatchHub(this.#engine.space);

  call(name: CallName, request: object): unknown {
    const engine = this.#engine as unknown as Record<CallName, (request: object, nowMs: number) => unknown>;
    try {
      return engine[name](request, 0);
    } finally {
      this.#hub.release();
    }
  }

  /** What is told now and later goes into the array; undefined in it: compacted. */
  watch(request: WatchCreateRequest): (Event | undefined)[] {
    const told: (Event | undefined)[] = [];
    const sink = {
      onEvents: (events: readonly Event[]) => told.push(...events),
      onCompacted: () => told.push(undefined),
    };
    this.#hub.watch(request, sink).resume();
    return told;
  }
}

function outcome(fn: () => unknown): unknown {
  try {
    return debase(fn(), place);
  } catch (error) {
    return (error as Error).message;
  }
}

function callBoth(subject: Subject, model: NaiveModel, name: CallName, request: object): void {
  const called = model as unknown as Record<CallName, (request: object) => unknown>;
  const expected = outcome(() => called[name](request));
  expect(outcome(() => subject.call(name, request))).toEqual(expected);
}

/** What watches from the past must be told, asked at the end of a sequence when nothing changes any more. */
function checkReplay(subject: Subject, model: NaiveModel): void {
  for (let start = 1n; start <= model.revision + 1n; start++) {
    for (const prevKv of [false, true]) {
      const request = { key: Buffer.from('a'), rangeEnd: Buffer.from([0]), startRevision: start, prevKv };
      const told = subject.watch(request);
      const expected = model.replay(request);
      expect(debase(told, place)).toEqual(debase(expected ?? [undefined], place));
    }
  }
}

interface LiveWatch {
  readonly request: WatchCreateRequest;
  readonly from: bigint;
  readonly told: (Event | undefined)[];
}

/** Live ones ask for no previous values: those depend on what compaction left at the moment of telling. */
function watchLive(subject: Subject, model: NaiveModel, generated: object): LiveWatch | undefined {
  const request: WatchCreateRequest = { ...rebase<WatchCreateRequest>(generated, place), prevKv: false };
  const { rangeEnd = Buffer.of() } = request;
  const isEmpty = rangeEnd.length > 0 && rangeEnd[0] !== 0 && Buffer.compare(request.key, rangeEnd) >= 0;
  if (isEmpty) {
    expect(() => subject.watch(request)).toThrow('mvcc: watcher range is empty');
    return undefined;
  }
  const next = model.revision + 1n;
  const from = request.startRevision !== undefined && request.startRevision > next ? request.startRevision : next;
  return { request, from, told: subject.watch({ ...request, startRevision: from }) };
}

function runSequence(operations: readonly Operation[]): void {
  const subject = new Subject();
  const model = new NaiveModel();
  const live: LiveWatch[] = [];
  for (const each of operations) {
    if (each.type === 'call') {
      callBoth(subject, model, each.name, rebase(each.request, place));
    } else {
      const watch = watchLive(subject, model, each.request);
      if (watch !== undefined) live.push(watch);
    }
  }
  for (const { request, from, told } of live) {
    expect(debase(told, place)).toEqual(debase(model.liveSince(request, from), place));
  }
  checkReplay(subject, model);
}

describe('the engine', () => {
  it('answers and replays as a list of all changes does', () => {
    fc.assert(fc.property(fc.array(operation({ watchWeight: 2 }), { maxLength: 40 }), runSequence), { numRuns: 400 });
  });
});
