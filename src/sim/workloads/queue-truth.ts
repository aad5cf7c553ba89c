import { prefixEnd, utf8, utf8Text } from '../../core/bytes.js';
import { keyRange } from '../../engine/key-range.js';
import type { Revision } from '../../engine/key-record.js';
import { goneOf } from '../../queue/gone.js';
import { tailOf } from '../../queue/tail.js';
import type { SimServer } from '../sim-server.js';

export const queueName = 'q';
export const object = `queue/${queueName}`;
const jobsPrefix = `queues/${queueName}/jobs/`;
const takenPrefix = `queues/${queueName}/taken/`;
const progressPrefix = `queues/${queueName}/progress/`;
const deadPrefix = `queues/${queueName}/dead/`;
const resultsPrefix = `queues/${queueName}/results/`;
const jobsRange = keyRange(utf8(jobsPrefix), prefixEnd(utf8(jobsPrefix)));
const readyPrefix = `queues/${queueName}/ready/`;
const readyRange = keyRange(utf8(readyPrefix), prefixEnd(utf8(readyPrefix)));
const pausedKey = `${readyPrefix}!`;
const takenRange = keyRange(utf8(takenPrefix), prefixEnd(utf8(takenPrefix)));
const deadRange = keyRange(utf8(deadPrefix), prefixEnd(utf8(deadPrefix)));

/** Writes down what a revision of the store has changed, and calls `enqueued` for each job that came in. */
export function noteChanges(server: SimServer, { revision, changes }: Revision, enqueued: (id: string) => void): void {
  const gone = new Set(changes.filter(({ deleted }) => deleted).map(({ text }) => text));
  notePassedOver(server, { revision, changes });
  const purges = changes.some(({ text }) => text === `queues/${queueName}/gone/purged`);
  for (const { text, deleted } of changes) {
    if (text === pausedKey) server.recorder.note('server', object, 'queue.paused', { paused: !deleted });
    if (deleted) {
      // An ack of the same process may share the revision: its job goes with the claim, a purged one has none.
      const isPurged = purges && text.startsWith(jobsPrefix) && !gone.has(takenPrefix + text.slice(-16));
      if (isPurged) notePurged(server, text, revision);
      continue;
    }
    if (text.startsWith(jobsPrefix)) enqueued(`${Number(text.slice(-16))}`);
    if (text.startsWith(deadPrefix))
      server.recorder.note('server', object, 'queue.dead', { item: itemOf(server, text) });
    if (text.startsWith(takenPrefix)) noteClaim(server, text, revision);
    if (text.startsWith(progressPrefix)) noteProgress(server, text);
    if (text.startsWith(resultsPrefix)) noteResult(server, text, gone.has(jobsPrefix + text.slice(-16)));
  }
}

/** What is there in the end, and what the queue believes to be there. */
export function noteRest(server: SimServer): void {
  const items = jobsIn(server);
  server.recorder.note('server', object, 'queue.remaining', { items });
  const gonePrefix = utf8(`queues/${queueName}/gone/`);
  const counts = server.truth.engine.space.scan(keyRange(gonePrefix, prefixEnd(gonePrefix)), undefined, 1000).kvs;
  const [tail, gone] = [tailOf(server.truth.engine.space.get(`queues/${queueName}/tail`)), goneOf(counts)];
  const data = { jobs: tail.jobs - gone.jobs, kib: tail.kib - gone.kib, there: items.length };
  server.recorder.note('server', object, 'queue.counted', data);
  if (undoneIn(server) === 0) noteGroups(server);
}

/** What was ready and had its turn before jobs that were claimed, the mark of a paused queue included. */
function notePassedOver(server: SimServer, { revision, changes }: Revision): void {
  const taken = changes.filter(({ text, deleted }) => !deleted && text.startsWith(takenPrefix));
  if (taken.length === 0) return;
  const claimed = new Set(taken.map(({ text }) => text.slice(-16)));
  const { kvs } = server.truth.engine.space.scan(readyRange, revision - 1n, 1000);
  // By priority and number, wherever the key stands.
  const turnOf = (key: string) => key.slice(readyPrefix.length).slice(0, 4) + key.slice(-16);
  const ready = kvs.map(({ key }) => utf8Text(key)).sort((a, b) => (turnOf(a) < turnOf(b) ? -1 : 1));
  const last = ready.findLastIndex((key) => claimed.has(key.slice(-16)));
  const keys = ready.slice(0, last + 1).filter((key) => !claimed.has(key.slice(-16)));
  if (keys.length > 0) server.recorder.note('server', object, 'queue.passed', { keys });
}

/** A job that a purge has taken away, and whether it was in somebody's hands. */
function notePurged(server: SimServer, jobKey: string, revision: bigint): void {
  const before = server.truth.engine.space.getAt(jobKey, revision - 1n);
  const claimed = server.truth.engine.space.get(takenPrefix + jobKey.slice(-16)) !== undefined;
  server.recorder.note('server', object, 'queue.purged', {
    item: before === undefined ? '' : payloadOf(before.value),
    claimed,
  });
}

/** A result that is kept, whose it is by its own word, and whether its job went with it. */
function noteResult(server: SimServer, key: string, done: boolean): void {
  const value = server.truth.engine.space.get(key)?.value;
  if (value === undefined) return;
  const { item, claim } = (JSON.parse(utf8Text(value)) as { result: KeptResult }).result;
  server.recorder.note('server', object, 'queue.kept', { item, claim: BigInt(claim), done });
}

/** What a handler returns. */
export type KeptResult = { readonly item: string; readonly claim: string };

/** A claim; and whether another job of its group is in somebody's hands as well. */
function noteClaim(server: SimServer, takenKey: string, revision: bigint): void {
  server.recorder.note('server', object, 'queue.claimed', { item: itemOf(server, takenKey), claim: revision });
  noteBeside(server, takenKey);
}

function noteBeside(server: SimServer, takenKey: string): void {
  const { space } = server.truth.engine;
  const group = groupOf(space.get(takenKey)?.value);
  if (group === undefined) return;
  const { kvs } = space.scan(takenRange, undefined, 1000);
  const beside = kvs.filter(({ value }) => groupOf(value) === group);
  if (beside.length < 2) return;
  const items = beside.map(({ key }) => itemOf(server, utf8Text(key)));
  server.recorder.note('server', object, 'queue.beside', { group, items });
}

/** All jobs that have a dedupe key and are no dead letters, whenever that may have changed. */
export function noteKeyed(server: SimServer, { changes }: Revision): void {
  if (!changes.some(({ text }) => text.startsWith(jobsPrefix) || text.startsWith(deadPrefix))) return;
  const { space } = server.truth.engine;
  const jobs = space.scan(jobsRange, undefined, 1000).kvs.flatMap(({ key, value }) => {
    const seq = utf8Text(key).slice(-16);
    const { dedupe } = JSON.parse(utf8Text(value)) as { dedupe?: string };
    const isDead = space.get(deadPrefix + seq) !== undefined;
    return dedupe === undefined || isDead ? [] : [{ id: `${Number(seq)}`, key: dedupe }];
  });
  server.recorder.note('server', object, 'queue.keyed', { jobs });
}

/** Once every job is done or dead there is no group any more, and no dedupe key. */
function noteGroups(server: SimServer): void {
  const keys = ['waiting', 'busy', 'vacant', 'dedupe'].flatMap((folder) => {
    const prefix = utf8(`queues/${queueName}/${folder}/`);
    return server.truth.engine.space.scan(keyRange(prefix, prefixEnd(prefix)), undefined, 1000).kvs;
  });
  server.recorder.note('server', object, 'queue.groups', { keys: keys.map(({ key }) => utf8Text(key)) });
}

function groupOf(ticket: Uint8Array | undefined): string | undefined {
  return ticket === undefined ? undefined : (JSON.parse(utf8Text(ticket)) as { group?: string }).group;
}

function noteProgress(server: SimServer, key: string): void {
  const { space } = server.truth.engine;
  const value = space.get(key)?.value;
  if (value === undefined) return;
  const { claim, step } = JSON.parse(utf8Text(value)) as { claim: string; step: number };
  const live = space.get(`${takenPrefix}${key.slice(-16)}`)?.modRevision ?? 0n;
  server.recorder.note('server', object, 'queue.progress', { job: key.slice(-16), claim: BigInt(claim), step, live });
}

export function isPausedIn(server: SimServer): boolean {
  return server.truth.engine.space.get(pausedKey) !== undefined;
}

/** How many jobs are neither done nor dead. */
export function undoneIn(server: SimServer): number {
  const dead = server.truth.engine.space.scan(deadRange, undefined, 1000).kvs.length;
  return jobsIn(server).length - dead;
}

/** Whose dead letter, or claim, it is. */
function itemOf(server: SimServer, key: string): string {
  const job = server.truth.engine.space.get(`${jobsPrefix}${key.slice(-16)}`);
  return job === undefined ? '' : payloadOf(job.value);
}

function jobsIn(server: SimServer): string[] {
  const { kvs } = server.truth.engine.space.scan(jobsRange, undefined, 1000);
  return kvs.map(({ value }) => payloadOf(value));
}

function payloadOf(value: Uint8Array): string {
  return (JSON.parse(utf8Text(value)) as { payload: string }).payload;
}
