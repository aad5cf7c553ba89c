import { isOk, okOperationsOf, operationsOf } from '../../../src/sim/checkers/operations.js';
import { grantsOf } from '../../../src/sim/checkers/sections.js';
import type { Entry, History, Note, Plain } from '../../../src/sim/history.js';
import type { Witnessed } from '../witness.js';

/**
 * What the server did, told from the witness's log in the words that the checkers know.
 * `kv.event` only where the store itself is judged.
 */
export function serverFacts(events: readonly Witnessed[], work: string): History {
  if (work === 'kv') return events.map(kvEvent);
  if (work === 'election') return [...electionStates(events, 'elections/a/', 'election/a')];
  return [];
}

function kvEvent({ atMs, deleted, key, value, create, mod, version, lease }: Witnessed): Note {
  const type = deleted ? 'delete' : 'put';
  const data = deleted
    ? { revision: mod, type, key, value: '', create: 0n, version: 0n, lease: 0n }
    : { revision: mod, type, key, value, create, version, lease };
  return { type: 'note', atMs, process: 'server', object: 'kv', fact: 'kv.event', data };
}

/** Who led from which revision on: whoever came first of those who stand, on a lease, directly below the prefix. */
function electionStates(events: readonly Witnessed[], prefix: string, object: string): Note[] {
  const standing = new Map<string, Witnessed>();
  const nobody: Plain = { revision: 1n, value: null };
  const states: Note[] = [{ type: 'note', atMs: 0, process: 'server', object, fact: 'state', data: nobody }];
  let last = textOf(null);
  events.forEach((event, i) => {
    const suffix = event.key.startsWith(prefix) ? event.key.slice(prefix.length) : '';
    if (suffix === '' || suffix.includes('/')) return;
    if (event.deleted || event.lease === 0n) standing.delete(event.key);
    else standing.set(event.key, event);
    if (events[i + 1]?.mod === event.mod) return;
    const [first] = [...standing.values()].sort((a, b) => (a.create < b.create ? -1 : 1));
    const value = first === undefined ? null : { term: first.create, value: first.value };
    if (textOf(value) === last) return;
    last = textOf(value);
    const data: Plain = { revision: event.mod, value };
    states.push({ type: 'note', atMs: event.atMs, process: 'server', object, fact: 'state', data });
  });
  return states;
}

function textOf(leader: { readonly term: bigint; readonly value: string } | null): string {
  return leader === null ? '' : `${leader.term} ${leader.value}`;
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
  return grantsOf(history, ['lock.acquire', 'election.campaign']).flatMap(({ acquire, grant }) => {
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
