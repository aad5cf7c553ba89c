import type { KvEvent, KvTxn } from '../vocabulary.js';
import type { Unsure } from './kv-linearizable.js';
import type { Changes, KvModel } from './kv-model.js';
import type { KvEvidence } from './kv-replay.js';
import { keysOf, sameChanges, txnOf } from './kv-requests.js';
import { KvWriters } from './kv-writers.js';
import { type Fact, groupBy } from './operations.js';
import { broken, undecided, type Violation } from './violation.js';

/**
 * Says who made the revisions that nobody acknowledged: a write of unknown fate, the end of a lease, or somebody else.
 */
export class KvExplain {
  readonly #evidence: KvEvidence;
  readonly #log: ReadonlyMap<number, readonly Fact<'kv.event'>[]>;
  readonly #leaseEnds: ReadonlyMap<number, Fact<'lease.ended'>>;
  /** By a key that it may touch; under null what may touch any. */
  readonly #unsure = new Map<string | null, Unsure[]>();
  readonly #writers: KvWriters;
  /** The log tells of what comes after `logAfter` up to `logUpTo`. */
  readonly logAfter: number;
  readonly logUpTo: number;

  constructor(evidence: KvEvidence) {
    this.#evidence = evidence;
    this.#writers = new KvWriters(evidence.maxSteps);
    this.#log = groupBy(evidence.log, ({ data }) => Number(data.revision));
    this.logAfter = Number(evidence.log[0]?.data.revision ?? 1n) - 1;
    this.logUpTo = Number(evidence.log.at(-1)?.data.revision ?? 0n);
    this.#leaseEnds = new Map(
      evidence.leaseEnds.flatMap((end) => (end.data.revision === undefined ? [] : [[Number(end.data.revision), end]])),
    );
    for (const unsure of evidence.unsure) {
      for (const key of keysOf(unsure.operation) ?? [null]) {
        const known = this.#unsure.get(key);
        if (known === undefined) this.#unsure.set(key, [unsure]);
        else known.push(unsure);
      }
    }
  }

  covers(revision: number): boolean {
    return revision > this.logAfter && revision <= this.logUpTo;
  }

  eventsAt(revision: number): readonly KvEvent[] {
    if (!this.covers(revision)) return none;
    return (this.#log.get(revision) ?? []).map(({ data }) => data);
  }

  noteAt(revision: number) {
    return this.#log.get(revision)?.[0]?.note;
  }

  /** A revision of the log without an acknowledged write; `model` stands before it. */
  judge(revision: number, model: KvModel): Violation | undefined {
    const facts = this.#log.get(revision) ?? [];
    if (facts.length === 0) {
      return broken('kv-linearizable: no gap', `the log has nothing at revision ${revision}`);
    }
    const events = facts.map(({ data }) => data);
    if (this.#evidence.foreignWrites || this.#byLease(revision, events, model)) return undefined;
    return this.judgeRest(revision, events, model);
  }

  /** `events` of a revision, of which no more is acknowledged; `process`: who made the rest, in one batch. */
  judgeRest(revision: number, events: readonly KvEvent[], model: KvModel, process?: string): Violation | undefined {
    const tries = this.#triesAt(revision, events, model, process);
    const whole = tries.filter(({ changes }) => sameChanges(changes, events)).map(({ unsure }) => unsure);
    if (this.#writers.explain(revision, whole)) return undefined;
    const processes = new Set(tries.map(({ unsure }) => unsure.operation.process));
    for (const each of processes) {
      const own = tries.filter(({ unsure }) => unsure.operation.process === each);
      const parts = partsOf(events, own);
      if (parts?.every((part) => this.#writers.explain(revision, part))) return undefined;
    }
    if (this.#writers.exhausted) return gaveUp(revision);
    const notes = (this.#log.get(revision) ?? []).map(({ note }) => note);
    return broken('kv-linearizable: nothing invented', `nobody is known to have made revision ${revision}`, ...notes);
  }

  /** The writes of unknown fate that would have made some of `events`, and nothing else. */
  #triesAt(revision: number, events: readonly KvEvent[], model: KvModel, process: string | undefined): Try[] {
    const byKey = new Map(events.map((event) => [event.key, event]));
    return this.#candidates(events).flatMap((unsure) => {
      const { operation, floor } = unsure;
      if (floor >= revision || (process !== undefined && operation.process !== process)) return [];
      const { changes } = model.run(txnOf(operation) as KvTxn, BigInt(revision));
      const made = [...changes.keys()].flatMap((key) => byKey.get(key) ?? []);
      return changes.size > 0 && sameChanges(changes, made) ? [{ unsure, changes }] : [];
    });
  }

  /**
   * Beyond the log: whether the revisions after `after` up to `upTo` can all have been made by writes of unknown fate.
   */
  checkHoles(after: number, upTo: number, found: Violation[]): void {
    // Leases delete keys too, and others may write: then there is no telling.
    if (this.#evidence.foreignWrites || this.#evidence.leasesUsed()) return;
    const { unsure } = this.#evidence;
    for (let revision = after + 1; revision <= upTo; revision++) {
      if (this.#writers.explain(revision, unsure)) continue;
      const message =
        `${upTo - after} revisions after ${after} have no writer, and ${unsure.length} writes are of unknown ` + 'fate';
      const invokes = unsure.map(({ operation }) => operation.invoke);
      const gap = broken('kv-linearizable: no gap', message, ...invokes);
      found.push(this.#writers.exhausted ? gaveUp(revision) : gap);
      return;
    }
  }

  /**
   * Where the ends of leases are recorded, one of them must be this; else keys of one lease that go together are
   * enough.
   */
  #byLease(revision: number, events: readonly KvEvent[], model: KvModel): boolean {
    const leases = new Set(
      events.map(({ key, type }) => (type === 'delete' ? model.items.get(key)?.lease : undefined)),
    );
    const [lease] = leases;
    if (leases.size !== 1 || lease === undefined || lease === 0n) return false;
    const known = this.#leaseEnds.get(revision);
    return known === undefined ? this.#evidence.leaseEnds.length === 0 : known.data.lease === lease;
  }

  #candidates(events: readonly KvEvent[]): readonly Unsure[] {
    const touching = events.flatMap(({ key }) => this.#unsure.get(key) ?? []);
    return [...new Set([...touching, ...(this.#unsure.get(null) ?? [])])];
  }
}

const none: readonly KvEvent[] = [];

/** A write of unknown fate with what it would have changed. */
interface Try {
  readonly unsure: Unsure;
  readonly changes: Changes;
}

/** `events` as the parts that members of one batch made, with who can have made each; undefined: they cannot have. */
function partsOf(events: readonly KvEvent[], tries: readonly Try[]): Unsure[][] | undefined {
  const parts: Unsure[][] = [];
  const left = new Set(events.map(({ key }) => key));
  for (const key of left) {
    const first = tries.find(({ changes }) => changes.has(key) && [...changes.keys()].every((each) => left.has(each)));
    if (first === undefined) return undefined;
    const keys = [...first.changes.keys()];
    const alike = tries.filter(
      ({ changes }) => changes.size === keys.length && keys.every((each) => changes.has(each)),
    );
    parts.push(alike.map(({ unsure }) => unsure));
    for (const each of keys) left.delete(each);
  }
  return parts;
}

function gaveUp(revision: number): Violation {
  const message = `too many writes of unknown fate could have made revision ${revision}: the search was given up`;
  return undecided('kv-linearizable: writers', message);
}
