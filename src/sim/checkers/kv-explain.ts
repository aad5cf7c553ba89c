import type { KvEvent, KvTxn } from '../vocabulary.js';
import type { Unsure } from './kv-linearizable.js';
import type { KvModel } from './kv-model.js';
import type { KvEvidence } from './kv-replay.js';
import { keysOf, sameChanges, txnOf } from './kv-requests.js';
import { type Fact, groupBy } from './operations.js';
import { broken, type Violation } from './violation.js';

/**
 * Says who made the revisions that nobody acknowledged: a write of unknown fate, the end of a lease, or somebody else.
 */
export class KvExplain {
  readonly #evidence: KvEvidence;
  readonly #log: ReadonlyMap<number, readonly Fact<'kv.event'>[]>;
  readonly #leaseEnds: ReadonlyMap<number, Fact<'lease.ended'>>;
  /** By a key that it may touch; under null what may touch any. */
  readonly #unsure = new Map<string | null, Unsure[]>();
  readonly #used = new Set<Unsure>();
  /** The log tells of what comes after `logAfter` up to `logUpTo`. */
  readonly logAfter: number;
  readonly logUpTo: number;

  constructor(evidence: KvEvidence) {
    this.#evidence = evidence;
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
    const writer = this.#candidates(events).find((unsure) => {
      if (unsure.floor >= revision || this.#used.has(unsure)) return false;
      const { changes } = model.run(txnOf(unsure.operation) as KvTxn, BigInt(revision));
      return sameChanges(changes, events);
    });
    if (writer !== undefined) {
      this.#used.add(writer);
      return undefined;
    }
    const message = `nobody is known to have made revision ${revision}`;
    return broken('kv-linearizable: nothing invented', message, ...facts.map(({ note }) => note));
  }

  /** Beyond the log: whether there are as many writes of unknown fate as revisions after `after` up to `upTo`. */
  checkHoles(after: number, upTo: number, found: Violation[]): void {
    const free = this.#evidence.unsure.filter((unsure) => unsure.floor < upTo && !this.#used.has(unsure));
    const holes = upTo - after;
    for (const unsure of free.slice(0, holes)) this.#used.add(unsure);
    // Leases delete keys too, and others may write: then there is no telling.
    if (free.length >= holes || this.#evidence.foreignWrites || this.#evidence.leasesUsed()) return;
    const message = `${holes} revisions after ${after} have no writer, and ${free.length} writes are of unknown fate`;
    found.push(broken('kv-linearizable: no gap', message, ...free.map(({ operation }) => operation.invoke)));
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
    const touching = events.slice(0, 1).flatMap(({ key }) => this.#unsure.get(key) ?? []);
    return [...touching, ...(this.#unsure.get(null) ?? [])];
  }
}

const none: readonly KvEvent[] = [];
