import { concatBytes } from '../../src/core/bytes.js';

/** Where a sequence of operations runs: what sets it apart from others on the same store. */
export interface Place {
  readonly prefix: string;
  /** The store's revision before the first operation. */
  readonly baseRevision: bigint;
  /** Lease n of the sequence has the id `leaseBase` + n. */
  readonly leaseBase: bigint;
}

const revisions = new Set([
  ...['revision', 'startRevision', 'createRevision', 'modRevision', 'compactRevision'],
  ...['minModRevision', 'maxModRevision', 'minCreateRevision', 'maxCreateRevision'],
]);
const leases = new Set(['lease', 'id']);

/** A generated request, for the store and place where it will run. */
export function rebase<T>(request: object, place: Place): T {
  return mapFields(request, (name, each) => {
    if (each === undefined) return each;
    if (name === 'key') return concatBytes(Buffer.from(place.prefix), each as Uint8Array);
    if (name === 'rangeEnd') return rebaseEnd(each as Uint8Array, place);
    if (typeof each !== 'bigint' || each <= 0n) return each;
    if (revisions.has(name)) return each + place.baseRevision;
    return leases.has(name) ? each + place.leaseBase : each;
  }) as T;
}

function rebaseEnd(end: Uint8Array, place: Place): Uint8Array {
  return end.length === 0 || end[0] === 0 ? end : concatBytes(Buffer.from(place.prefix), end);
}

/** An answer as it would be if the sequence had the store to itself; of headers only the revision is left. */
export function debase(answer: unknown, place: Place): unknown {
  return mapFields(answer, (name, each) => {
    if (name === 'header') return relative((each as { revision: bigint }).revision, place.baseRevision);
    if (each instanceof Uint8Array) return debaseBytes(each, name, place);
    if (typeof each !== 'bigint' || each === 0n) return each;
    if (revisions.has(name)) return relative(each, place.baseRevision);
    return leases.has(name) ? relative(each, place.leaseBase) : each;
  });
}

function debaseBytes(bytes: Uint8Array, name: string, place: Place): string {
  const text = Buffer.from(bytes).toString('latin1');
  return name === 'key' || name === 'keys' ? text.slice(place.prefix.length) : text;
}

/** 0 is "none" and stays so. */
function relative(each: bigint, base: bigint): bigint {
  return each === 0n ? 0n : each - base;
}

/** Copies a message, with `change` deciding over every field that is no container. */
function mapFields(each: unknown, change: (name: string, each: unknown) => unknown, name = ''): unknown {
  if (name === 'header' || each instanceof Uint8Array) return change(name, each);
  if (Array.isArray(each)) return each.map((item) => mapFields(item, change, name));
  if (typeof each !== 'object' || each === null) return change(name, each);
  return Object.fromEntries(Object.entries(each).map(([key, value]) => [key, mapFields(value, change, key)]));
}
