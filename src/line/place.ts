import { type Bytes, concatBytes, fromLatin1, latin1, prefixEnd, utf8, withLatin1 } from '../core/bytes.js';
import type { KeyValue } from '../store/messages.js';

/** One waiter's or holder's key in a line. Places are ordered by `createRevision`: the first holds. */
export type Place = KeyValue;

/** All keys that one acquisition's place can have: at most one of them is there at a time. */
export interface Stem {
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
}

/**
 * The key of a new place: `<prefix><lease hex>.<nonce>`, and `.0.<tail>` after it if there is a tail. The nonce, 16 hex
 * digits, makes each acquisition's place its own, so that a lost answer can be looked up. Go, etcdctl and v3lock order
 * by create revision and never read what comes after the prefix.
 */
export function newPlaceKey(
  nonce: string,
  prefix: Bytes,
  leaseId: bigint,
  tail = '',
): { readonly key: Bytes; readonly stem: Stem } {
  const stem = withLatin1(prefix, `${leaseId.toString(16)}.${nonce}`);
  const key = tail === '' ? stem : concatBytes(stem, utf8(`.0.${tail}`));
  return { key, stem: { key: stem, rangeEnd: prefixEnd(stem) } };
}

/** What can be read in a place's key. */
export interface PlaceName {
  /** The same for all keys that this place can have, and no other that stands at the same time. */
  readonly stem: string;
  /** How often it has been sent to the end of the line. */
  readonly moves: number;
  /** Of a place that was moved: its create revision before the first time. */
  readonly origin?: bigint | undefined;
  /** Whatever the recipe has put there. */
  readonly tail: string;
}

/** Undefined: a key of Go's or etcdctl's, or one that its owner named. */
export function placeName(prefix: Bytes, key: Bytes): PlaceName | undefined {
  const [, stem, moves = '0', origin, tail = ''] = placeGrammar.exec(latin1(key.subarray(prefix.length))) ?? [];
  if (stem === undefined) return undefined;
  return { stem, moves: Number(moves), tail, origin: origin === undefined ? undefined : BigInt(origin) };
}

const dot = 0x2e;

/** The tail in a place's key, or nothing. Most have none, which is seen at a glance: it costs every look at a place. */
export function tailIn(prefix: Bytes, key: Bytes): string {
  const nonceAt = key.indexOf(dot, prefix.length);
  return nonceAt < 0 || key.indexOf(dot, nonceAt + 1) < 0 ? '' : (placeName(prefix, key)?.tail ?? '');
}

const placeGrammar = /^([0-9a-f]+\.[0-9a-f]{16})(?:\.(\d+)(?:-(\d+))?(?:\.(.*))?)?$/s;

/** The key that the place of this name, created at `createRevision`, gets at its next move. */
export function movedKey(prefix: Bytes, name: PlaceName, createRevision: bigint): Bytes {
  const { stem, moves, tail, origin = createRevision } = name;
  return concatBytes(prefix, fromLatin1(`${stem}.${moves + 1}-${origin}${tail === '' ? '' : `.${tail}`}`));
}

/** The same for one acquisition's place wherever it is moved, and for no other. Undefined as in `placeName`. */
export function originOf(prefix: Bytes, { key, createRevision }: Pick<Place, 'key' | 'createRevision'>) {
  const name = placeName(prefix, key);
  return name && `${name.stem} ${name.origin ?? createRevision}`;
}

/** The prefix of the line `name` in etcd's layout. */
export function plainPrefix(name: Bytes): Bytes {
  return concatBytes(name, utf8('/'));
}

/** The key of the one place that etcd's own layout knows for a lease: `<prefix><lease hex>`. */
export function plainPlaceKey(prefix: Bytes, leaseId: bigint): Bytes {
  return concatBytes(prefix, utf8(leaseId.toString(16)));
}

/**
 * Whether `kv` is a place in the line of `prefix`. A line holds only its direct children, so that a held `a/b` does
 * not block
 * `a` (etcd #6278), and only keys on a lease, so that a stray key under a name does not block it for ever.
 */
export function isPlace(prefix: Bytes, kv: KeyValue): boolean {
  const suffix = latin1(kv.key.subarray(prefix.length));
  return suffix !== '' && !suffix.includes('/') && kv.lease !== 0n;
}

/**
 * In line order. Create revisions differ unless one txn made both places; then the key decides, the same way for
 * everyone.
 */
export function comparePlaces(a: Place, b: Place): number {
  if (a.createRevision !== b.createRevision) return a.createRevision < b.createRevision ? -1 : 1;
  return latin1(a.key) < latin1(b.key) ? -1 : 1;
}
