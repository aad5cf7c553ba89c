import { createHash } from 'node:crypto';
import { type Bytes, concatBytes, utf8, utf8Text } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import type { JournalEntry } from '../../engine/journal.js';
import type { KeyValue } from '../../store/messages.js';
import { type Snapshot, snapshotMessage } from '../../wire/codec/snapshot.js';

const magic = utf8('conclave snapshot 1\n');
/** etcdctl takes a file of whole sectors and a SHA-256. */
const sectorBytes = 512;
const hashBytes = 32;
const lengthBytes = 8;

/**
 * Keys, leases, users and roles as they are now, at the same revision, without what came before: whoever restores it
 * has a store that was compacted at that revision. The file is ours, not etcd's bbolt: magic, length and message,
 * filled up to whole sectors, then the SHA-256 of all that.
 */
export function writeSnapshot({ engine, auth }: EngineHost): Bytes {
  const { revision } = engine.space;
  const leases = [...engine.checkpoint()].flatMap((entry) =>
    entry.type === 'leaseGranted' ? [{ id: entry.id, ttlS: entry.ttlS }] : [],
  );
  const snapshot: Snapshot = { revision, leases, kvs: engine.space.all(revision), auth: auth.checkpoint() };
  const message = snapshotMessage.encode(snapshot);
  const length = Buffer.alloc(lengthBytes);
  length.writeBigUInt64BE(BigInt(message.length));
  const used = magic.length + lengthBytes + message.length;
  const padding = Buffer.alloc((sectorBytes - (used % sectorBytes)) % sectorBytes);
  const body = concatBytes(magic, length, message, padding);
  return concatBytes(body, sha256(body));
}

/**
 * The journal of what it holds, for `EngineHost.restore`. Throws `INVALID_ARGUMENT` for anything that is not a whole
 * snapshot of ours.
 */
export function readSnapshot(bytes: Bytes): readonly JournalEntry[] {
  const body = bytes.subarray(0, -hashBytes);
  if (body.length < magic.length + lengthBytes || utf8Text(body.subarray(0, magic.length)) !== utf8Text(magic)) {
    throw new ConclaveError('INVALID_ARGUMENT', 'this is no snapshot of a conclave server');
  }
  if (!sha256(body).equals(bytes.subarray(-hashBytes))) {
    throw new ConclaveError('INVALID_ARGUMENT', 'the snapshot is damaged: its SHA-256 does not fit');
  }
  const start = magic.length + lengthBytes;
  const length = Number(Buffer.from(body.subarray(magic.length, start)).readBigUInt64BE());
  const { revision, leases, kvs, auth } = snapshotMessage.decode(body.subarray(start, start + length));
  const granted = leases.map(({ id, ttlS }): JournalEntry => ({ type: 'leaseGranted', id, ttlS }));
  return [...granted, { type: 'base', revision, kvs: kvs.map(own) }, { type: 'auth', entry: auth }];
}

/** Else one small key would keep the whole file in memory for as long as it lives. */
function own(kv: KeyValue): KeyValue {
  return { ...kv, key: new Uint8Array(kv.key), value: new Uint8Array(kv.value) };
}

/** 32 bits of everything that a snapshot holds. */
export function hashAll(host: EngineHost): number {
  return Buffer.from(writeSnapshot(host).subarray(-hashBytes)).readUInt32BE(0);
}

function sha256(bytes: Bytes): Buffer {
  return createHash('sha256').update(bytes).digest();
}
