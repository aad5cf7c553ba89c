import { ConclaveError } from '../../core/errors.js';
import { type Event, EventType, type WatchResponse } from '../../store/messages.js';
import { watchMethods } from '../../wire/methods.js';
import {
  drawTarget,
  type FaultField,
  type FaultWord,
  faultWord,
  linksOf,
  type Target,
  together,
} from './fault-word.js';

/** SIGSTOP of the server: its clocks go on, what is sent to it waits in its sockets. */
export const serverPause: FaultWord = faultWord<{ readonly timersFirst: boolean }>(
  'server-pause',
  (random, field) => ({
    durationMs: random.between(200, 2 * field.ttlMs),
    params: { timersFirst: random.chance(0.5) },
  }),
  ({ server }, { timersFirst }) => {
    const process = server.instance?.process;
    if (process === undefined || process.paused) return undefined;
    process.pause();
    return () => process.resume(timersFirst);
  },
);

/** SIGKILL of the server, and a start from its log: every lease has its full TTL again. */
export const serverRestart: FaultWord = faultWord<{ readonly compacted: boolean }>(
  'server-restart',
  (random) => ({ durationMs: random.between(0, 2000), params: { compacted: random.chance(0.5) } }),
  ({ server }, { compacted }) => {
    if (server.instance === undefined) return undefined;
    server.crash(compacted);
    return () => server.start();
  },
);

/** History before the present is forgotten: watches that need it end with `COMPACTED`. */
export const compaction: FaultWord = faultWord<{ readonly back: number }>(
  'compaction',
  (random) => ({ durationMs: 0, params: { back: random.pick([0, 0, 1, 3]) } }),
  (field, { back }) => {
    compact(field, back);
    return undefined;
  },
);

/** etcd #18089: around a compaction, watches miss DELETE events. */
export const droppedDelete: FaultWord = faultWord<{ readonly client: Target; readonly chance: number }>(
  'dropped-delete',
  (random, field) => ({
    durationMs: random.between(300, 3000),
    params: { client: drawTarget(random, field), chance: random.pick([0.5, 1]) },
  }),
  (field, { client, chance }) => {
    compact(field, 0);
    const rules = linksOf(field, client).map((link) =>
      link.add((message, fate, random) => {
        if (message.path !== watchMethods.watch.path || message.direction !== 'toClient') return;
        if (message.body === undefined || !random.chance(chance)) return;
        fate.body = withoutDeletes(message.body as WatchResponse);
      }),
    );
    return together(rules);
  },
);

/** etcd #12528, #15247: a resumed ex-leader revokes a lease that its holder keeps alive. */
export const earlyRevocation: FaultWord = faultWord<{ readonly nth: number }>(
  'early-revocation',
  (random) => ({ durationMs: 0, params: { nth: random.below(8) } }),
  ({ server }, { nth }) => {
    const host = server.instance?.host;
    if (host === undefined || server.instance?.process.paused) return undefined;
    const ids = [...host.engine.leaseLeases().leases.map(({ id }) => id)].sort((a, b) => (a < b ? -1 : 1));
    const id = ids[nth % Math.max(1, ids.length)];
    if (id !== undefined) host.revokeEarly(id);
    return undefined;
  },
);

/**
 * A new leader of the cluster grants every lease its full TTL again, and answers nothing meanwhile: connections break.
 */
export const leaderChange: FaultWord = faultWord<{ readonly breaks: boolean }>(
  'leader-change',
  (random) => ({ durationMs: 0, params: { breaks: random.chance(0.5) } }),
  ({ server, slots }, { breaks }) => {
    const host = server.instance?.host;
    if (host === undefined || server.instance?.process.paused) return undefined;
    for (const { id } of host.leaseLeases().leases) host.leaseKeepAlive({ id });
    if (breaks) for (const slot of slots) for (const channel of slot.current.channels) channel.reset();
    return undefined;
  },
);

function compact({ server }: FaultField, back: number): void {
  const { instance } = server;
  if (instance === undefined || instance.process.paused) return;
  const revision = instance.host.stats().revision - BigInt(back);
  try {
    instance.host.compact({ revision });
  } catch (error) {
    // Compacted there already.
    if (!ConclaveError.is(error, 'COMPACTED')) throw error;
  }
}

/** Undefined if nothing is left to tell. */
function withoutDeletes(response: WatchResponse): WatchResponse | undefined {
  const events = response.events.filter((event: Event) => event.type !== EventType.delete);
  if (events.length === response.events.length) return response;
  return events.length === 0 ? undefined : { ...response, events };
}
