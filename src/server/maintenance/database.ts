import { latin1, noBytes, utf8 } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import type { JournalEntry, KeyEntry } from '../../engine/journal.js';
import type { Change, Revision } from '../../engine/key-record.js';
import type { AuthChange, AuthEntry } from '../../store/auth-journal.js';
import type { KeyValue } from '../../store/messages.js';
import { storedKeyValue, storedLease, storedRole, storedUser, tombstoneOf } from '../../wire/codec/snapshot.js';
import type { Bucket, Entry } from '../bbolt/format.js';

/** What etcd's buckets hold, by their names. */
export type Buckets = ReadonlyMap<string, readonly Entry[]>;

/**
 * A revision of a key as etcd's bucket `key` has it: main and sub revision, with an underscore between them, and a `t`
 * behind it for a deletion.
 */
const revisionBytes = 17;
const deletionMark = 't'.charCodeAt(0);
const one = Buffer.from([1]);

/**
 * Everything that a store holds, as etcd's database has it; alarms are left out, since they name a member. Keys are
 * encoded as they are taken, and are those of this moment.
 */
export function bucketsOf({ engine, auth }: EngineHost): Bucket[] {
  const { leases, keys } = leasesFirst(engine.checkpoint());
  const { compactRevision, revision } = engine.space;
  const compacted: Entry[] = ['finishedCompactRev', 'scheduledCompactRev'].map((name) => [
    utf8(name),
    revisionKey(compactRevision, 0, false),
  ]);
  return [
    { name: 'alarm', entries: [] },
    ...authBuckets(auth.checkpoint()),
    { name: 'cluster', entries: [] },
    { name: 'key', entries: keyEntries(keys) },
    { name: 'lease', entries: leases },
    { name: 'members', entries: [] },
    { name: 'members_removed', entries: [] },
    {
      name: 'meta',
      entries: [[utf8('consistent_index'), uint64(revision)], ...(compactRevision >= 0n ? compacted : [])],
    },
  ];
}

/** The journal that makes the store which etcd's database holds. Throws `INVALID_ARGUMENT` where it makes no sense. */
export function journalOf(buckets: Buckets): JournalEntry[] {
  const of = (name: string) => buckets.get(name) ?? [];
  if (!buckets.has('key')) throw senseless('it has no bucket of keys');
  const leases = of('lease').map(([, value]): JournalEntry => ({ type: 'leaseGranted', ...storedLease.decode(value) }));
  return [...leases, ...history(of('key'), compactRevisionOf(of('meta'))), { type: 'auth', entry: authOf(of) }];
}

/** The keys of the base at the revisions that they have, then all changes since. */
function* keyEntries(entries: Iterable<KeyEntry>): Generator<Entry> {
  let base: readonly KeyValue[] = [];
  for (const entry of entries) {
    if (entry.type === 'base') base = entry.kvs;
    if (entry.type !== 'changes') continue;
    // The changes of the compacted revision itself are among those since.
    yield* baseEntries(base, entry.changes.revision);
    base = [];
    yield* changeEntries(entry.changes);
  }
  yield* baseEntries(base, undefined);
}

/** Without those of revision `first`. */
function* baseEntries(base: readonly KeyValue[], first: bigint | undefined): Generator<Entry> {
  const sorted = base
    .filter(({ modRevision }) => modRevision !== first)
    .sort((a, b) => Number(a.modRevision - b.modRevision));
  let [main, sub] = [0n, 0];
  for (const kv of sorted) {
    [main, sub] = [kv.modRevision, kv.modRevision === main ? sub + 1 : 0];
    yield [revisionKey(main, sub, false), storedKeyValue.encode(kv)];
  }
}

function* changeEntries({ revision, changes }: Revision): Generator<Entry> {
  for (const [sub, { deleted, kv }] of changes.entries()) {
    yield [revisionKey(revision, sub, deleted), storedKeyValue.encode(deleted ? tombstoneOf(kv.key) : kv)];
  }
}

/** The leases of a checkpoint, which begins with them, and what comes behind. */
function leasesFirst(entries: Iterable<KeyEntry>): { readonly leases: Entry[]; readonly keys: Iterable<KeyEntry> } {
  const rest = entries[Symbol.iterator]();
  const leases: Entry[] = [];
  let next = rest.next();
  for (; !next.done && next.value.type === 'leaseGranted'; next = rest.next()) {
    const { id, ttlS } = next.value;
    leases.push([uint64(id), storedLease.encode({ id, ttlS })]);
  }
  const first = next;
  function* keys(): Generator<KeyEntry> {
    for (let each = first; !each.done; each = rest.next()) yield each.value;
  }
  return { leases: leases.sort(([a], [b]) => Buffer.compare(a, b)), keys: keys() };
}

/** Revisions in order. What was compacted, or has a revision missing behind it, is only there as it was in the end. */
function* history(rows: readonly Entry[], compactRevision: bigint): Generator<KeyEntry> {
  const changes = rows.map(changeOf);
  const compacted = wholeSince(changes, compactRevision);
  const kvs = new Map<string, KeyValue>();
  const revisions = new Map<bigint, Change[]>();
  for (const change of changes) {
    const { deleted, text, kv } = change;
    if (kv.modRevision <= compacted) {
      if (deleted) kvs.delete(text);
      else kvs.set(text, kv);
    }
    // A watch may still start at the compacted revision itself.
    if (kv.modRevision < compacted) continue;
    const beside = revisions.get(kv.modRevision);
    if (beside === undefined) revisions.set(kv.modRevision, [change]);
    else beside.push(change);
  }
  if (compacted >= 0n) yield { type: 'base', revision: compacted, kvs: [...kvs.values()] };
  for (const [revision, each] of revisions) {
    yield { type: 'changes', changes: { revision, changes: each }, endedLease: undefined };
  }
}

/** The revision since which none is missing; -1 in a store that was never compacted. */
function wholeSince(changes: readonly Change[], compactRevision: bigint): bigint {
  let since = compactRevision;
  let last = since > 1n ? since : 1n;
  for (const { kv } of changes) {
    if (kv.modRevision > last + 1n) since = kv.modRevision - 1n;
    if (kv.modRevision > last) last = kv.modRevision;
  }
  return since;
}

function changeOf([key, value]: Entry): Change {
  if (key.length < revisionBytes) throw senseless('a revision is cut off');
  const main = Buffer.from(key.buffer, key.byteOffset, key.length).readBigInt64BE();
  const deleted = key[revisionBytes] === deletionMark;
  const read = storedKeyValue.decode(value);
  const kv = deleted ? { ...tombstoneOf(read.key), modRevision: main } : read;
  if (kv.modRevision !== main || main < 2n) throw senseless(`a change of revision ${kv.modRevision} stands at ${main}`);
  return { deleted, text: latin1(kv.key), kv };
}

/** A compaction that was under way is as good as done. */
function compactRevisionOf(meta: readonly Entry[]): bigint {
  const named = meta.filter(([key]) => ['finishedCompactRev', 'scheduledCompactRev'].includes(latin1(key)));
  let most = -1n;
  for (const [, value] of named) {
    if (value.length < revisionBytes) throw senseless('a compacted revision is cut off');
    const revision = Buffer.from(value).readBigInt64BE();
    if (revision > most) most = revision;
  }
  return most;
}

function authBuckets({ revision, changes }: AuthEntry): Bucket[] {
  const users: Entry[] = [];
  const roles: Entry[] = [];
  let enabled = false;
  for (const change of changes) {
    if (change.type === 'enabled') enabled = change.enabled;
    else if (change.type === 'roleSet') roles.push([utf8(change.role.name), storedRole.encode(change.role)]);
    else if (change.type === 'userSet') {
      const { name, passwordHash: password, roles: granted, noPassword } = change.user;
      users.push([utf8(name), storedUser.encode({ name, password, roles: granted, options: { noPassword } })]);
    }
  }
  const inOrder = (entries: Entry[]) => entries.sort(([a], [b]) => Buffer.compare(a, b));
  const state: Entry[] = [
    [utf8('authEnabled'), enabled ? one : Buffer.alloc(1)],
    [utf8('authRevision'), uint64(revision)],
  ];
  return [
    { name: 'auth', entries: state },
    { name: 'authRoles', entries: inOrder(roles) },
    { name: 'authUsers', entries: inOrder(users) },
  ];
}

function authOf(bucket: (name: string) => readonly Entry[]): AuthEntry {
  const roles = bucket('authRoles').map(
    ([, value]): AuthChange => ({ type: 'roleSet', role: storedRole.decode(value) }),
  );
  const users = bucket('authUsers').map(([, value]): AuthChange => {
    const { name, password, roles: granted, options } = storedUser.decode(value);
    const noPassword = options?.noPassword ?? false;
    return { type: 'userSet', user: { name, passwordHash: password, noPassword, roles: [...granted].sort() } };
  });
  const state = new Map(bucket('auth').map(([key, value]) => [latin1(key), value]));
  const revision = state.get('authRevision') ?? noBytes;
  return {
    revision: revision.length < 8 ? 1n : Buffer.from(revision).readBigUInt64BE(),
    changes: [...roles, ...users, { type: 'enabled', enabled: state.get('authEnabled')?.[0] === 1 }],
  };
}

function revisionKey(main: bigint, sub: number, deleted: boolean): Buffer {
  const key = Buffer.alloc(revisionBytes + (deleted ? 1 : 0), deletionMark);
  key.writeBigInt64BE(main);
  key[8] = '_'.charCodeAt(0);
  key.writeBigInt64BE(BigInt(sub), 9);
  return key;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
}

function senseless(what: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `the snapshot makes no sense: ${what}`);
}
