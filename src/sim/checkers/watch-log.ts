import { partition } from '../../core/halving.js';
import type { History } from '../history.js';
import type { KvEvent, KvItem, WatchStart } from '../vocabulary.js';
import { type Fact, factsOf } from './operations.js';

/** One change of the store, and the key before it. */
export interface Change {
  readonly event: KvEvent;
  readonly before: KvItem | undefined;
  readonly fact: Fact<'kv.event'>;
}

/** The store's log, as the server told it: what every watch is judged by. */
export interface Log {
  readonly changes: readonly Change[];
  /** By revision and key. */
  readonly byId: ReadonlyMap<string, Change>;
  readonly compactions: readonly Fact<'kv.compacted'>[];
}

export function logOf(history: History): Log {
  const items = new Map<string, KvItem>();
  const changes = factsOf(history, 'kv.event').map((fact): Change => {
    const before = items.get(fact.data.key);
    if (fact.data.type === 'delete') items.delete(fact.data.key);
    else items.set(fact.data.key, itemOf(fact.data));
    return { event: fact.data, before, fact };
  });
  const byId = new Map(changes.map((change) => [idOf(change.event), change]));
  return { changes, byId, compactions: factsOf(history, 'kv.compacted') };
}

export function idOf({ revision, key }: KvEvent): string {
  return `${revision}/${key}`;
}

export function itemOf({ key, value, create, revision, version, lease }: KvEvent): KvItem {
  return { key, value, create, mod: revision, version, lease };
}

/** Whether a watch asked for this event. */
export function matches(start: WatchStart, { type, key }: KvEvent): boolean {
  if (type === 'put' ? start.noPut === true : start.noDelete === true) return false;
  return inRange(start.key, start.rangeEnd, key);
}

/** etcd's ranges: without an end one key, `"\0"` everything from the key on. */
export function inRange(from: string, rangeEnd: string | undefined, key: string): boolean {
  if (rangeEnd === undefined || rangeEnd === '') return key === from;
  return key >= from && (rangeEnd === '\0' || key < rangeEnd);
}

/** The first place in the log behind `revision`. */
export function placeAfter(log: Log, revision: bigint): number {
  return partition(log.changes, ({ event }) => event.revision <= revision);
}
