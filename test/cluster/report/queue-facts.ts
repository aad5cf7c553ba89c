import { groupBy, isOk, operationsOf } from '../../../src/sim/checkers/operations.js';
import type { History, Note } from '../../../src/sim/history.js';
import type { FactOf } from '../../../src/sim/vocabulary.js';
import type { Witnessed } from '../witness.js';

/** A queue on the store, and how its jobs are called in the history. */
export interface QueueSite {
  readonly object: string;
  /** With a `/` at its end. */
  readonly root: string;
  itemOf(record: string, seq: string): string;
}

const plainQueue: QueueSite = { object: 'queue/q', root: 'queues/q/', itemOf: (record) => payloadOf(record) };

/**
 * What became of jobs by the store's own word: claims, dead letters and purges as they came, and what is there in the
 * end. `groupOf`: which group the item is of, as its producer has it.
 */
export function queueFacts(
  events: readonly Witnessed[],
  groupOf: (item: string) => string | undefined,
  site: QueueSite = plainQueue,
): Note[] {
  const { object, root } = site;
  const items = new Map<string, string>();
  const [there, inHand] = [new Set<string>(), new Set<string>()];
  const notes: Note[] = [];
  const itemAt = (seq: string) => items.get(seq) ?? '';
  const note = <Name extends string>(atMs: number, fact: Name, data: FactOf<Name>) =>
    notes.push({ type: 'note', atMs, process: 'server', object, fact, data } as Note);
  const inside = events.filter(({ key }) => key.startsWith(root));
  for (const revision of groupBy(inside, ({ mod }) => mod).values()) {
    const gone = new Set(revision.filter(({ deleted }) => deleted).map(({ key }) => key));
    const purges = revision.some(({ key }) => key === `${root}gone/purged`);
    for (const { key, deleted, value, mod, atMs } of revision) {
      const [folder, seq] = [key.slice(root.length).split('/')[0], key.slice(-16)];
      if (folder === 'jobs' && !deleted) {
        items.set(seq, site.itemOf(value, seq));
        there.add(seq);
      } else if (folder === 'jobs') {
        there.delete(seq);
        // A job that ends otherwise goes with its claim.
        const purged = purges && !gone.has(`${root}taken/${seq}`);
        if (purged) note(atMs, 'queue.purged', { item: itemAt(seq), claimed: inHand.has(seq) });
      } else if (folder === 'dead' && !deleted) {
        note(atMs, 'queue.dead', { item: itemAt(seq) });
      } else if (folder === 'taken' && deleted) {
        inHand.delete(seq);
      } else if (folder === 'taken') {
        inHand.add(seq);
        note(atMs, 'queue.claimed', { item: itemAt(seq), claim: mod });
        const group = groupOf(itemAt(seq));
        const beside = group === undefined ? [] : [...inHand].map(itemAt).filter((each) => groupOf(each) === group);
        if (group !== undefined && beside.length > 1) note(atMs, 'queue.beside', { group, items: beside });
      }
    }
  }
  note(events.at(-1)?.atMs ?? 0, 'queue.remaining', { items: [...there].map(itemAt) });
  return notes;
}

/** Of which group each item is, as its producer has it. */
export function groupsIn(history: History): (item: string) => string | undefined {
  const groups = new Map(operationsOf(history, 'queue.enqueue').map(({ input }) => [input.item, input.group]));
  return (item) => groups.get(item);
}

/** With the revision at which each job came in, which its producer is not told. */
export function withRevisions(history: History, events: readonly Witnessed[]): History {
  const revisions = new Map<string, bigint>();
  for (const { key, deleted, value, create, mod } of events) {
    if (key.startsWith(`${plainQueue.root}jobs/`) && !deleted && create === mod) revisions.set(payloadOf(value), mod);
  }
  const ends = new Map(
    operationsOf(history, 'queue.enqueue')
      .filter(isOk)
      .map(({ end, input }) => [end, revisions.get(input.item) ?? 0n]),
  );
  return history.map((entry) => {
    const revision = entry.type === 'ok' ? ends.get(entry) : undefined;
    return revision === undefined ? entry : ({ ...entry, output: { revision } } as typeof entry);
  });
}

function payloadOf(record: string): string {
  return (JSON.parse(record) as { payload: string }).payload;
}
