import fc from 'fast-check';
import type { Engine } from '../../src/engine/engine.js';
import { type CallName, type Operation, operation } from './operations.js';
import { debase, type Place, rebase } from './rebase.js';
import { dump } from './support.js';

const place: Place = { prefix: '', baseRevision: 1n, leaseBase: 0n };
export const operations = fc.array(operation({ watchWeight: 0 }), { maxLength: 30 });

/** What `engine` answers, or how it refuses. */
export function run(engine: Engine, each: Operation): unknown {
  if (each.type === 'watch') return undefined;
  const calls = engine as unknown as Record<CallName, (request: object, nowMs: number) => unknown>;
  try {
    return debase(calls[each.name](rebase(each.request, place), 0), place);
  } catch (error) {
    return (error as Error).message;
  }
}

/** All that can be seen of an engine. */
export function view(engine: Engine): unknown {
  const { revision, compactRevision } = engine.space;
  const revisions = Array.from({ length: Number(revision) }, (_, i) => BigInt(i) + 1n);
  const leases = engine.leaseLeases().leases.map(({ id }) => engine.leaseTimeToLive({ id, keys: true }, 0));
  return {
    revision,
    compactRevision,
    states: revisions.filter((each) => each >= compactRevision).map((each) => dump(engine, each)),
    changes: revisions.map((each) => engine.space.changesOf(each)?.changes),
    leases: new Map(leases.map(({ id, ttl, keys }) => [id, { ttl, keys }])),
  };
}
