import type { History } from '../history.js';
import type { KvEvent } from '../vocabulary.js';
import { type Fact, factsOf, groupBy, okOperationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

type Ended = Fact<'lease.ended'>;

/**
 * A lease never expires before its TTL has passed since the server last granted or renewed it, nor since a client sent
 * what the server acknowledged; with it go all its keys, in one revision; and nothing is put on it afterwards.
 */
export function leaseNotEarly(history: History): Violation[] {
  const ended = factsOf(history, 'lease.ended');
  return [...byServerClock(history, ended), ...byClientClock(history, ended), ...keysOfLeases(history, ended)];
}

function byServerClock(history: History, ended: readonly Ended[]): Violation[] {
  const given = [...factsOf(history, 'lease.granted'), ...factsOf(history, 'lease.renewed')];
  const byLease = groupBy(
    given.sort((a, b) => a.at - b.at),
    ({ data }) => data.lease,
  );
  return expired(ended).flatMap((end) => {
    const last = byLease
      .get(end.data.lease)
      ?.filter(({ at }) => at < end.at)
      .at(-1);
    if (last === undefined) return [];
    const livedMs = serverMs(end) - serverMs(last);
    if (livedMs >= last.data.ttlMs) return [];
    const message = `lease ${end.data.lease} expired ${livedMs} ms after it was given ${last.data.ttlMs} ms`;
    return [broken('lease-not-early: expired', message, last.note, end.note)];
  });
}

/** Sent before it was received: an expiry that is early by this measure is early by the server's as well. */
function byClientClock(history: History, ended: readonly Ended[]): Violation[] {
  const acknowledged = groupBy(okOperationsOf(history, 'lease.grant', 'lease.keepAlive'), ({ input }) => input.lease);
  return expired(ended).flatMap((end) => {
    if (end.data.serverMs !== undefined) return [];
    const sent = (acknowledged.get(end.data.lease) ?? []).filter(
      ({ output, endAt }) => output.ttlMs > 0 && endAt < end.at,
    );
    const early = sent.find(({ invoke, output }) => end.note.atMs < invoke.atMs + output.ttlMs);
    if (early === undefined) return [];
    const livedMs = end.note.atMs - early.invoke.atMs;
    const message =
      `lease ${end.data.lease} expired ${livedMs} ms after ${early.output.ttlMs} ms were asked for, and ` +
      `acknowledged`;
    return [broken('lease-not-early: expired', message, early.invoke, early.end, end.note)];
  });
}

function keysOfLeases(history: History, ended: readonly Ended[]): Violation[] {
  const log = factsOf(history, 'kv.event');
  const byRevision = groupBy(log, ({ data }) => data.revision);
  const endOfLease = new Map(ended.map((end) => [end.data.lease, end]));
  const endsAfter = groupBy(ended, (end) => end.data.revision ?? revisionBefore(log, end));
  const leaseOf = new Map<string, bigint>();
  return [...byRevision].flatMap(([revision, events]) => {
    for (const { data } of events) follow(leaseOf, data);
    return [
      ...(endsAfter.get(revision) ?? []).flatMap((end) => together(end, events, leaseOf)),
      ...events.flatMap((event) => putOnDead(event, endOfLease)),
    ];
  });
}

/** An end that no key went with has no revision of its own. */
function revisionBefore(log: readonly Fact<'kv.event'>[], end: Ended): bigint | undefined {
  return log.findLast(({ at }) => at < end.at)?.data.revision;
}

/** `leaseOf`: after it. */
function together(end: Ended, events: readonly Fact<'kv.event'>[], leaseOf: ReadonlyMap<string, bigint>): Violation[] {
  const { lease, revision } = end.data;
  const kept = [...leaseOf].filter(([, each]) => each === lease).map(([key]) => key);
  if (kept.length === 0) return [];
  const gone = revision === undefined ? [] : events.map(({ note }) => note);
  const message = `keys ${kept.join(', ')} did not go with lease ${lease}`;
  return [broken('lease-not-early: together', message, end.note, ...gone)];
}

function putOnDead({ data, note, at }: Fact<'kv.event'>, endOfLease: ReadonlyMap<bigint, Ended>): Violation[] {
  const end = data.type === 'put' && data.lease !== 0n ? endOfLease.get(data.lease) : undefined;
  if (end === undefined) return [];
  const after = end.data.revision === undefined ? at > end.at : data.revision > end.data.revision;
  if (!after) return [];
  const message = `key ${data.key} was put on lease ${data.lease}, which had ended`;
  return [broken('lease-not-early: dead', message, end.note, note)];
}

function follow(leaseOf: Map<string, bigint>, { type, key, lease }: KvEvent): void {
  if (type === 'put' && lease !== 0n) leaseOf.set(key, lease);
  else leaseOf.delete(key);
}

function expired(ended: readonly Ended[]): readonly Ended[] {
  return ended.filter(({ data }) => data.cause === 'expired');
}

function serverMs({
  note,
  data,
}: {
  readonly note: { readonly atMs: number };
  readonly data: { serverMs?: number };
}): number {
  return data.serverMs ?? note.atMs;
}
