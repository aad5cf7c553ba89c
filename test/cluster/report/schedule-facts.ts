import { utf8 } from '../../../src/core/bytes.js';
import { recordOf } from '../../../src/queue/record.js';
import { groupOf, scheduleOf } from '../../../src/queue/schedule.js';
import { factsOf, groupBy } from '../../../src/sim/checkers/operations.js';
import { type History, type Note, Recorder } from '../../../src/sim/history.js';
import type { FactOf } from '../../../src/sim/vocabulary.js';
import type { KeyValue } from '../../../src/store/messages.js';
import type { Witnessed } from '../witness.js';
import { scheduleSites, tickItem } from '../work/schedule.js';
import { groupsIn, type QueueSite, queueFacts } from './queue-facts.js';

/** For clocks that are corrected while a run goes on. */
const slackMs = 500;

/** What each tick has done to its schedule and its queue, by the store's own word. */
export function scheduleFacts(events: readonly Witnessed[], wallMs: (atMs: number) => number): History {
  // The witness sees things late: whoever was handed a job must not have had it before it was there.
  const enqueued = new Recorder({ nowMs: () => 0 });
  const notes = scheduleSites.flatMap(({ object, root }) => {
    const site = { object, root, itemOf };
    const ticks = ticksOf(events, site, enqueued, wallMs);
    return [...ticks, ...queueFacts(events, groupsIn(enqueued.history), site)];
  });
  return [...enqueued.history, ...notes.sort((a, b) => a.atMs - b.atMs)];
}

/** The latest that a client's wall clock can have shown: the machine's own, and the farthest that one was set ahead. */
export function latestClock(history: History, wallOffsetMs: number): (atMs: number) => number {
  const jumps = factsOf(history, 'fault').flatMap(({ data, note }) => {
    const { offset } = Object(data) as { readonly offset?: string };
    return offset === undefined ? [] : [{ atMs: note.atMs, aheadMs: Number(offset) * 1000 }];
  });
  return (atMs) => {
    const ahead = jumps.filter((jump) => jump.atMs <= atMs).map(({ aheadMs }) => aheadMs);
    return atMs + wallOffsetMs + slackMs + Math.max(0, ...ahead);
  };
}

function ticksOf(
  events: readonly Witnessed[],
  { object, root }: QueueSite,
  enqueued: Recorder,
  wallMs: (atMs: number) => number,
): Note[] {
  const there = new Map<string, Witnessed>();
  const notes: Note[] = [];
  const inside = events.filter(({ key }) => key.startsWith(root));
  for (const revision of groupBy(inside, ({ mod }) => mod).values()) {
    for (const event of revision) {
      if (event.deleted) there.delete(event.key);
      else there.set(event.key, event);
    }
    for (const event of revision) {
      const { key, deleted, value, mod, atMs } = event;
      const [folder, name = ''] = key.slice(root.length).split('/');
      const note = <Name extends string>(fact: Name, data: FactOf<Name>) =>
        notes.push({ type: 'note', atMs, process: 'server', object, fact, data } as Note);
      if (folder === 'schedules' && deleted) note('schedule.removed', { name });
      if (folder === 'schedules' && !deleted) {
        const state = stateOf(event, there, root);
        if (state !== undefined) note('schedule.state', { name, ...state, latestMs: wallMs(atMs) });
      }
      if (folder !== 'jobs' || deleted) continue;
      const { tick } = recordOf(keyValueOf(event));
      const schedule = there.get(`${root}schedules/${tick?.schedule}`);
      const { rhythm, job } = (schedule && scheduleOf(keyValueOf(schedule))?.spec) ?? {};
      const input = { item: itemOf(value, key.slice(-16)), ...(job?.group !== undefined && { group: job.group }) };
      enqueued.invoke('server', object, 'queue.enqueue', input).ok({ revision: mod });
      const said = rhythm === undefined ? null : JSON.stringify(rhythm);
      note('schedule.tick', { name: tick?.schedule ?? '', atMs: tick?.atMs ?? 0, revision: mod, rhythm: said });
    }
  }
  return notes;
}

/** A schedule as it is from its revision on, and how many of its jobs wait for one another. */
function stateOf(event: Witnessed, there: ReadonlyMap<string, Witnessed>, root: string) {
  const schedule = scheduleOf(keyValueOf(event));
  if (schedule === undefined) return undefined;
  const { nextMs, lastSeq, spec } = schedule;
  const { rhythm, missed, overlap } = spec;
  const name = event.key.slice(`${root}schedules/`.length);
  const queue = `${root}waiting/${encodeURIComponent(groupOf(name))}/`;
  return {
    said: JSON.stringify({ rhythm, missed, overlap }),
    since: event.create,
    revision: event.mod,
    overlap,
    waiting: [...there.keys()].filter((key) => key.startsWith(queue)).length,
    nextMs: nextMs ?? null,
    seq: lastSeq ?? 0,
  };
}

function itemOf(record: string, seq: string): string {
  return tickItem(recordOf({ value: utf8(record) } as KeyValue).tick, `${Number(seq)}`);
}

function keyValueOf({ key, value, create, mod, version, lease }: Witnessed): KeyValue {
  return { key: utf8(key), value: utf8(value), createRevision: create, modRevision: mod, version, lease };
}
