import { goNaming } from '../../../src/registry/codecs/go-naming.js';
import { groupBy, isOk, okOperationsOf, operationsOf } from '../../../src/sim/checkers/operations.js';
import { plainText } from '../../../src/sim/checkers/plain-text.js';
import { grantsOf, holdOps } from '../../../src/sim/checkers/sections.js';
import type { Entry, History, Note, Plain } from '../../../src/sim/history.js';
import { shownEntry } from '../../../src/sim/workloads/registry.js';
import { monotonicMs } from '../clock.js';
import type { Witnessed } from '../witness.js';
import { groupsIn, queueFacts } from './queue-facts.js';
import { latestClock, scheduleFacts } from './schedule-facts.js';

/** From CLOCK_MONOTONIC to the wall clock of this machine. */
const wallOffsetMs = () => Date.now() - monotonicMs();

/**
 * What the server did, told from the witness's log in the words that the checkers know, and from what clients were to
 * do. `kv.event` only where the store itself is judged.
 */
export function serverFacts(events: readonly Witnessed[], work: string, history: History): History {
  if (work === 'kv') return events.map(kvEvent);
  if (work === 'election') return statesOf(events, 'elections/a/', 'election/a', leaderOf);
  if (work === 'registry') return statesOf(events, 'services/users/', 'registry/users', instancesOf);
  if (work === 'config') return statesOf(events, 'config/app/', 'config/app', settingsOf);
  if (work === 'cache') return statesOf(events, 'cache-data/', 'cache/cache-data/', cachedOf);
  if (work === 'stm') return transactionStates(events, history);
  if (work === 'ephemeral') return statesOf(events, 'e/', 'ephemeral', ephemeralOf);
  if (work === 'barrier') return lostParties(history, events);
  if (work === 'queue') return queueFacts(events, groupsIn(history));
  if (work === 'schedule') return scheduleFacts(events, latestClock(history, wallOffsetMs()));
  return [];
}

function kvEvent({ atMs, deleted, key, value, create, mod, version, lease }: Witnessed): Note {
  const type = deleted ? 'delete' : 'put';
  const data = deleted
    ? { revision: mod, type, key, value: '', create: 0n, version: 0n, lease: 0n }
    : { revision: mod, type, key, value, create, version, lease };
  return { type: 'note', atMs, process: 'server', object: 'kv', fact: 'kv.event', data };
}

/** What stood directly below the prefix, from which revision on, as `shown` sees it. */
function statesOf(
  events: readonly Witnessed[],
  prefix: string,
  object: string,
  shown: (standing: readonly Witnessed[]) => Plain,
): Note[] {
  const standing = new Map<string, Witnessed>();
  const state = (atMs: number, revision: bigint): Note => {
    const value = shown([...standing.values()]);
    return { type: 'note', atMs, process: 'server', object, fact: 'state', data: { revision, value } };
  };
  const states = [state(0, 1n)];
  let last = plainText(shown([]));
  const inside = events.filter(({ key }) => key.startsWith(prefix) && /^[^/]+$/.test(key.slice(prefix.length)));
  inside.forEach((event, i) => {
    if (event.deleted) standing.delete(event.key);
    else standing.set(event.key, event);
    // A txn is one state.
    if (inside[i + 1]?.mod === event.mod) return;
    const value = plainText(shown([...standing.values()]));
    if (value === last) return;
    last = value;
    states.push(state(event.atMs, event.mod));
  });
  return states;
}

/**
 * What the keys of the transactions are after each revision that wrote one of them. The witness sees it late: it may
 * have been so since whoever wrote it had begun.
 */
function transactionStates(events: readonly Witnessed[], history: History): Note[] {
  const begun = new Map(operationsOf(history, 'stm.run').map(({ input, invoke }) => [input.id, invoke.atMs]));
  const values: Record<string, string> = {};
  const written = groupBy(
    events.filter(({ key }) => key.startsWith('stm-data/')),
    ({ mod }) => mod,
  );
  return [...written].map(([revision, each]): Note => {
    for (const { key, value, deleted } of each) {
      if (deleted) delete values[key];
      else values[key] = value;
    }
    const atMs = each[0]?.atMs ?? 0;
    const writers = each.map(({ value }) => begun.get(value.split(' ').at(-1) ?? '') ?? atMs);
    const data = {
      revision,
      earliestMs: Math.min(...writers),
      values: { ...values },
      changed: each.map(({ key }) => key),
    };
    return { type: 'note', atMs, process: 'server', object: 'stm', fact: 'stm.state', data };
  });
}

/** Whoever came first of those who stand, on a lease. */
function leaderOf(standing: readonly Witnessed[]): Plain {
  const [first] = standing.filter(({ lease }) => lease !== 0n).sort((a, b) => (a.create < b.create ? -1 : 1));
  return first === undefined ? null : { term: first.create, value: first.value };
}

function instancesOf(standing: readonly Witnessed[]): Plain {
  const shown = standing.map(({ key, value, lease }) => {
    const [, service = '', id = ''] = key.split('/');
    return shownEntry(id, goNaming.decode(latin1Bytes(value), { service, id }), lease);
  });
  return JSON.stringify(shown.sort());
}

function settingsOf(standing: readonly Witnessed[]): Plain {
  return JSON.stringify(standing.map(({ key, value }) => `${key.slice('config/app/'.length)} ${value}`).sort());
}

function cachedOf(standing: readonly Witnessed[]): Plain {
  return JSON.stringify(standing.map(({ key, value }) => `${key} ${value}`).sort());
}

function ephemeralOf(standing: readonly Witnessed[]): Plain {
  return standing
    .map(({ value }) => value)
    .sort()
    .join('');
}

function latin1Bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

/**
 * Leases that the server took before their time, which etcd does when an ex-leader that was paused goes on
 * (etcd #12528, #15247; reliability.md section 0, finding 3): no holder can know it at once, so it is a fault like
 * those that were injected. Proof: the key of a holder who did not let go was deleted although a heartbeat sent less
 * than a TTL before had been acknowledged.
 */
export function earlyRevocations(history: History, events: readonly Witnessed[]): Note[] {
  const deletes = new Map(events.filter(({ deleted }) => deleted).map((event) => [event.key, event]));
  const releases = new Map(
    operationsOf(history, 'release').map((each) => [`${each.process} ${each.input.fence}`, each]),
  );
  const revokes = new Map(operationsOf(history, 'lease.revoke').map((each) => [each.input.lease, each]));
  const beats = okOperationsOf(history, 'lease.grant', 'lease.keepAlive');
  return grantsOf(history, holdOps).flatMap(({ acquire, grant }) => {
    const gone = deletes.get(grant.key ?? '');
    if (gone === undefined) return [];
    const letGo = [releases.get(`${acquire.process} ${grant.fence}`), revokes.get(grant.lease)];
    if (letGo.some((each) => each !== undefined && each.invoke.atMs <= gone.atMs)) return [];
    const proof = beats.find(
      ({ input, invoke, end, output }) =>
        input.lease === grant.lease &&
        end !== undefined &&
        end.atMs < gone.atMs &&
        gone.atMs < invoke.atMs + output.ttlMs,
    );
    if (proof === undefined) return [];
    const data = { lease: grant.lease, cause: 'injected', revision: gone.mod };
    const atMs = notBefore(history, gone, proof.invoke.atMs);
    return [{ type: 'note', atMs, process: 'server', object: acquire.object, fact: 'lease.ended', data }];
  });
}

/**
 * Parties of double barriers that went with their leases: from the last heartbeat on that had an answer they may have
 * been gone. One whose lease lives on was taken away by somebody, which nothing excuses.
 */
function lostParties(history: History, events: readonly Witnessed[]): History {
  const beats = groupBy(
    okOperationsOf(history, 'lease.grant', 'lease.keepAlive').filter(({ output }) => output.ttlMs > 0),
    ({ input }) => input.lease,
  );
  const lost = events.flatMap(({ key, deleted, atMs: goneMs }): Note[] => {
    const [, name, hex] = /^double-barriers\/(.*)\/parties\/([0-9a-f]+)\./.exec(key) ?? [];
    const lease = BigInt(`0x${hex ?? 0}`);
    const ofLease = beats.get(lease) ?? [];
    const last = ofLease.findLast(({ invoke }) => invoke.atMs < goneMs);
    if (!deleted || last === undefined || last !== ofLease.at(-1)) return [];
    const data = { fence: 0n, lease, reason: 'its lease is gone' };
    const { process, invoke } = last;
    return [{ type: 'note', atMs: invoke.atMs, process, object: `double/${name}`, fact: 'lost', data }];
  });
  return inTime(lost);
}

/** The witness sees a delete a little late: it came after every write of a lower revision was called. */
function notBefore(history: History, gone: Witnessed, floorMs: number): number {
  return operationsOf(history, 'guarded.write')
    .filter(isOk)
    .filter(({ output, invoke }) => (output.position ?? gone.mod) < gone.mod && invoke.atMs < gone.atMs)
    .reduce((latest, { invoke }) => Math.max(latest, invoke.atMs), floorMs);
}

/** In the order of time, as a history of its own must be. */
export function inTime(notes: readonly Entry[]): History {
  return [...notes].sort((a, b) => a.atMs - b.atMs);
}
