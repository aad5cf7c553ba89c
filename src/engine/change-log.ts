import type { Change, Revision } from './key-record.js';

/** Every revision since the last compaction, without gaps: what a watch from the past is told. */
export class ChangeLog {
  /** Main revision of `#revisions[0]`, or of the next one to come. */
  #first: bigint;
  /** Most revisions have one change: that alone, since the rest would take as much as it. */
  #revisions: (Revision | Change)[] = [];

  /** `first` is the revision that the first `append` will bring. */
  constructor(first: bigint) {
    this.#first = first;
  }

  append(revision: Revision): void {
    this.#revisions.push(shortest(revision));
  }

  /** Undefined if compacted away or not there yet. */
  get(revision: bigint): Revision | undefined {
    const entry = revision < this.#first ? undefined : this.#revisions[Number(revision - this.#first)];
    return entry && whole(entry);
  }

  /** All that there is now, whatever happens later. */
  all(): Iterable<Revision> {
    return wholes(this.#revisions.slice());
  }

  /**
   * Forgets everything before `revision`, and of `revision` itself all but each key's last change: a watch may still
   * start at the compacted revision, and sees its deletions too (etcd since 3.5.16, #19249). Returns what went.
   */
  compact(revision: bigint): readonly Revision[] {
    if (revision < this.#first) return [];
    const cut = Number(revision - this.#first);
    const kept = this.#revisions[cut];
    const gone = this.#revisions.slice(0, cut + 1).map(whole);
    this.#revisions = this.#revisions.slice(kept === undefined ? cut + 1 : cut);
    if (kept !== undefined) this.#revisions[0] = shortest(lastOfEachKey(whole(kept)));
    this.#first = kept === undefined ? revision + 1n : revision;
    return gone;
  }
}

function shortest(revision: Revision): Revision | Change {
  const [change, second] = revision.changes;
  return change === undefined || second !== undefined ? revision : change;
}

function whole(entry: Revision | Change): Revision {
  return 'changes' in entry ? entry : { revision: entry.kv.modRevision, changes: [entry] };
}

function* wholes(entries: readonly (Revision | Change)[]): Generator<Revision> {
  for (const entry of entries) yield whole(entry);
}

function lastOfEachKey({ revision, changes }: Revision): Revision {
  const last = new Map<string, Change>();
  for (const change of changes) last.set(change.text, change);
  return { revision, changes: changes.filter((change) => last.get(change.text) === change) };
}
