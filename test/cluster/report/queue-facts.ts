import { isOk, operationsOf } from '../../../src/sim/checkers/operations.js';
import type { History, Note } from '../../../src/sim/history.js';
import type { Witnessed } from '../witness.js';

const root = 'queues/q/';
const object = 'queue/q';

/** What became of jobs by the store's own word: dead letters as they came, and what is there in the end. */
export function queueFacts(events: readonly Witnessed[]): Note[] {
  const payloads = new Map<string, string>();
  const there = new Map<string, string>();
  const dead: Note[] = [];
  for (const { key, deleted, value, atMs } of events) {
    const job = key.slice(-16);
    if (key.startsWith(`${root}jobs/`)) {
      if (deleted) there.delete(job);
      else there.set(job, payloadOf(value));
      if (!deleted) payloads.set(job, payloadOf(value));
    } else if (key.startsWith(`${root}dead/`) && !deleted) {
      const data = { item: payloads.get(job) ?? '' };
      dead.push({ type: 'note', atMs, process: 'server', object, fact: 'queue.dead', data });
    }
  }
  const data = { items: [...there.values()] };
  const atMs = events.at(-1)?.atMs ?? 0;
  return [...dead, { type: 'note', atMs, process: 'server', object, fact: 'queue.remaining', data }];
}

/** With the revision at which each job came in, which its producer is not told. */
export function withRevisions(history: History, events: readonly Witnessed[]): History {
  const revisions = new Map<string, bigint>();
  for (const { key, deleted, value, create, mod } of events) {
    if (key.startsWith(`${root}jobs/`) && !deleted && create === mod) revisions.set(payloadOf(value), mod);
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

function payloadOf(value: string): string {
  return (JSON.parse(value) as { payload: string }).payload;
}
