import { pause } from '../../core/abort.js';
import { prefixEnd, utf8, utf8Text } from '../../core/bytes.js';
import { keyRange } from '../../engine/key-range.js';
import type { Revision } from '../../engine/key-record.js';
import type { Job } from '../../queue/job.js';
import { Queue } from '../../queue/queue.js';
import { recordOf } from '../../queue/record.js';
import { scheduleOf } from '../../queue/schedule.js';
import { Schedule } from '../../schedule/schedule.js';
import type { KeyValue } from '../../store/messages.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { queue as queueChecker } from '../checkers/queue.js';
import { schedule as scheduleChecker } from '../checkers/schedule.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimProcess } from '../sim-process.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, untilGivesUp } from './expected-errors.js';
import { HeldSamples } from './held-samples.js';

/** A queue with schedules of its own, and the queue that a schedule of single runs stands on. */
const queues = { q: 'queues/q/', s: 'schedules/s/' } as const;
type Line = keyof typeof queues;

const options = { maxAttempts: 3, backoff: { firstMs: 100, mostMs: 1000 } };

const rhythms = [{ everyMs: 1_000 }, { everyMs: 7_000 }, { cron: '*/3 * * * * *' }] as const;

/** One turn of a task with schedules. */
type ScheduleOperation =
  | {
      readonly how: 'declare';
      readonly idleMs: number;
      readonly name: string;
      readonly rhythm: number;
      readonly missed: 'skip' | 'once';
      readonly overlap: 'allow' | 'skip' | 'wait';
    }
  | { readonly how: 'remove'; readonly idleMs: number; readonly name: string }
  /** Works on one of the queues for a while; on `s` as whoever has single runs does. */
  | {
      readonly how: 'work';
      readonly idleMs: number;
      readonly line: Line;
      readonly forMs: number;
      readonly workMs: number;
      /** Every so many runs the handler throws. */
      readonly failsEvery: number;
    }
  /**
   * Works until every tick that has come by this process's clock was seen to, ends the schedules, and does the rest.
   */
  | { readonly how: 'settle' };

/** What of a queue stays when nobody works any more. */
const folders = 'gone|jobs|ready|delayed|waiting|busy|vacant|taken|dead|schedules';
const stays = new RegExp(`^(queues/q|schedules/s)/(tail$|switch$|(${folders})/)`);

/** Schedules that processes with other clocks see to; judged by what the store has of each tick. */
export const scheduleWorkload: Workload = {
  name: 'schedule',
  recordsKv: false,
  hasWatchers: false,
  keeps: (key) => stays.test(key),
  checkers: [scheduleChecker, queueChecker, heldInTime, noHangingPromise, nothingLeft],
  draw: (random, clients) =>
    Array.from({ length: clients }, () => [
      ...Array.from({ length: random.pick([1, 1, 2]) }, (_, task) => [
        ...Array.from({ length: random.pick([2, 3, 4]) }, () => drawOperation(random)),
        ...(task === 0 ? [{ how: 'settle' } as const] : []),
      ]),
    ]),
  stage: () => new ScheduleStage(),
};

function drawOperation(random: Prng): ScheduleOperation {
  const idleMs = Math.round(random.between(0, random.pick([10, 500, 2000])));
  const how = random.pick(['declare', 'declare', 'remove', 'work', 'work', 'work'] as const);
  const name = random.pick(['a', 'b']);
  if (how === 'remove') return { how, idleMs, name };
  if (how === 'declare') {
    const [missed, overlap] = [random.pick(['skip', 'once'] as const), random.pick(['allow', 'skip', 'wait'] as const)];
    return { how, idleMs, name, rhythm: random.below(rhythms.length), missed, overlap };
  }
  return {
    how,
    idleMs,
    line: random.pick(['q', 's']),
    forMs: Math.round(random.between(500, random.pick([2000, 8000]))),
    workMs: Math.round(random.between(0, random.pick([5, 300, 3000]))),
    failsEvery: random.pick([0, 0, 2, 3]),
  };
}

class ScheduleStage implements Stage {
  readonly #samples = new HeldSamples();
  readonly #clocks = new Set<SimProcess>();
  /** The latest that any clock has shown so far. */
  #latestMs = 0;
  #server: SimServer | undefined;

  look(): void {
    this.#samples.look();
    for (const process of this.#clocks) this.#latestMs = Math.max(this.#latestMs, process.wallMs());
  }

  changed(server: SimServer, { revision, changes }: Revision): void {
    this.#server = server;
    for (const line of lines) {
      const { object, prefix } = placeOf(line);
      for (const { text, deleted } of changes) {
        if (!text.startsWith(prefix)) continue;
        const [, folder, name = ''] = /^([^/]+)\/(.*)$/.exec(text.slice(prefix.length)) ?? [];
        if (folder === 'schedules' && deleted) server.recorder.note('server', object, 'schedule.removed', { name });
        if (folder === 'schedules' && !deleted) this.#noteSchedule(server, line, text);
        if (folder === 'jobs' && !deleted) noteJob(server, line, text, revision);
        if (folder === 'dead' && !deleted) {
          const item = itemAt(server, `${prefix}jobs/${text.slice(-16)}`);
          server.recorder.note('server', object, 'queue.dead', { item });
        }
      }
    }
  }

  async end(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    for (const line of lines) {
      const { object, prefix } = placeOf(line);
      const items = keysBelow(server, `${prefix}jobs/`).map((kv) => itemOf(kv));
      server.recorder.note('server', object, 'queue.remaining', { items });
    }
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as ScheduleOperation;
    this.#clocks.add(client.process);
    const queue = new Queue<null>(client.context, 'q', options);
    if (turn.how === 'settle') return this.#settle(client);
    await pause(client.process, turn.idleMs);
    try {
      if (turn.how === 'work') await this.#work(client, turn.line, turn);
      else if (turn.how === 'remove') await queue.unschedule(turn.name, { timeoutMs: 5_000 });
      else {
        const { name, missed, overlap } = turn;
        const spec = { ...(rhythms[turn.rhythm] as object), missed, overlap, payload: null };
        await queue.schedule(name, { ...spec, timeoutMs: 5_000 });
      }
    } catch (error) {
      expectFailure(error);
    }
  }

  async #work(
    client: SimClient,
    line: Line,
    { forMs, workMs, failsEvery }: { forMs: number | null; workMs: number; failsEvery: number },
    until?: AbortSignal,
  ): Promise<void> {
    const { object } = placeOf(line);
    let count = 0;
    const invoke = () => client.recorder.invoke(client.name, object, 'queue.take', null);
    let take = invoke();
    const handler = async (job: Job<null>) => {
      const item = itemName(job.tick, job.id);
      const { fence: claim, leaseId: lease } = job;
      take.ok({ item, claim, lease });
      take = invoke();
      count += 1;
      const over = this.#samples.watchLease(client, object, job);
      await pause(client.process, workMs);
      const fails = failsEvery > 0 && count % failsEvery === 0;
      if (!fails && job.held) await acknowledge(client, object, job, item);
      over();
      if (fails) throw new Error('failed');
    };
    await untilGivesUp(client.process, forMs, (signal) => {
      const ends = { signal: until ?? signal };
      if (line === 'q') return new Queue<null>(client.context, 'q', options).consume(handler, ends);
      return new Schedule(client.context, 's', { ...options, everyMs: 2_000, missed: 'once' }).run(handler, ends);
    }).finally(() => take.unknown('a job may have been claimed, and given back or lost'));
  }

  async #settle(client: SimClient): Promise<void> {
    const stop = new AbortController();
    const turn = { forMs: null, workMs: 10, failsEvery: 0 };
    const works = lines.map((line) => this.#work(client, line, turn, stop.signal).catch(expectStop));
    // Bounded by the run: a tick that nobody sees to is a hang, and told as such.
    while (this.#server === undefined || dueIn(this.#server, client.process)) await pause(client.process, 200);
    await remove(client, 'q', 'a');
    await remove(client, 'q', 'b');
    await remove(client, 's', 'tick');
    while (lines.some((line) => undoneIn(this.#server as SimServer, line) > 0)) await pause(client.process, 200);
    stop.abort(enough);
    await Promise.all(works);
  }

  /** A tick's schedule at its revision, and beside how many of its jobs that one was added. */
  #noteSchedule(server: SimServer, line: Line, text: string): void {
    const { object, prefix } = placeOf(line);
    const kv = server.truth.engine.space.get(text);
    const schedule = kv && scheduleOf(kv);
    if (kv === undefined || schedule === undefined) return;
    const { nextMs, lastSeq, spec } = schedule;
    const name = text.slice(`${prefix}schedules/`.length);
    const waiting = keysBelow(server, `${prefix}waiting/${encodeURIComponent(`schedule/${name}`)}/`).length;
    const { createRevision: since, modRevision: revision } = kv;
    const { rhythm, missed, overlap } = spec;
    const said = JSON.stringify({ rhythm, missed, overlap });
    server.recorder.note('server', object, 'schedule.state', {
      ...{ name, said, since, revision, overlap, waiting, latestMs: this.#latestMs },
      ...{ nextMs: nextMs ?? null, seq: lastSeq ?? 0 },
    });
  }
}

const lines: readonly Line[] = ['q', 's'];
const enough = new Error('enough');

function expectStop(error: unknown): void {
  if (error !== enough) expectFailure(error);
}

function placeOf(line: Line): { readonly object: string; readonly prefix: string } {
  return { object: `schedule/${line}`, prefix: queues[line] };
}

async function acknowledge(client: SimClient, object: string, job: Job<null>, item: string): Promise<void> {
  const pending = client.recorder.invoke(client.name, object, 'queue.ack', { item, claim: job.fence });
  try {
    await job.ack();
    pending.ok(null);
  } catch (error) {
    pending.threw(error);
    expectFailure(error);
  }
}

/** Until the store has said so. */
async function remove(client: SimClient, line: Line, name: string): Promise<void> {
  const queue = new Queue(client.context, line, options, line === 'q' ? undefined : 'schedules');
  await queue.unschedule(name).catch(expectFailure);
}

/** What a tick has added is what somebody enqueued, to the checker of queues. */
function noteJob(server: SimServer, line: Line, text: string, revision: bigint): void {
  const { object, prefix } = placeOf(line);
  const kv = server.truth.engine.space.get(text);
  const { tick } = recordOf(kv);
  if (kv === undefined || tick === undefined) return;
  const { schedule: name, atMs } = tick;
  const kept = server.truth.engine.space.get(`${prefix}schedules/${encodeURIComponent(name)}`);
  const { rhythm, job } = (kept && scheduleOf(kept)?.spec) ?? {};
  const group = job?.group;
  server.recorder
    .invoke('server', object, 'queue.enqueue', { item: itemOf(kv), ...(group && { group }) })
    .ok({ revision });
  server.recorder.note('server', object, 'schedule.tick', {
    ...{ name, atMs, revision },
    rhythm: rhythm === undefined ? null : JSON.stringify(rhythm),
  });
}

/** Whether a tick has come by that process's clock that nobody has seen to. */
function dueIn(server: SimServer, process: SimProcess): boolean {
  return lines.some((line) =>
    keysBelow(server, `${queues[line]}schedules/`).some((kv) => {
      const nextMs = scheduleOf(kv)?.nextMs;
      return nextMs !== undefined && nextMs <= process.wallMs();
    }),
  );
}

function undoneIn(server: SimServer, line: Line): number {
  return keysBelow(server, `${queues[line]}jobs/`).length - keysBelow(server, `${queues[line]}dead/`).length;
}

function itemAt(server: SimServer, jobKey: string): string {
  const job = server.truth.engine.space.get(jobKey);
  return job === undefined ? '' : itemOf(job);
}

function itemOf(kv: KeyValue): string {
  return itemName(recordOf(kv).tick, `${Number(utf8Text(kv.key).slice(-16))}`);
}

function itemName(tick: { readonly schedule: string; readonly atMs: number } | undefined, id: string): string {
  return `${tick?.schedule}@${tick?.atMs}#${id}`;
}

function keysBelow(server: SimServer, prefix: string): readonly KeyValue[] {
  return server.truth.engine.space.scan(keyRange(utf8(prefix), prefixEnd(utf8(prefix))), undefined, 1000).kvs;
}
