import { createHash } from 'node:crypto';
import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import type { JournalEntry } from '../../engine/journal.js';
import { BboltError, readBbolt } from '../bbolt/read.js';
import { bboltSteps, toEnd } from '../bbolt/write.js';
import { bucketsOf, journalOf } from './database.js';

/** The file is of whole sectors, then comes a SHA-256 of it. */
const sectorBytes = 512;
const hashBytes = 32;

/**
 * Everything that the store holds, with its history since the last compaction: the file that `etcdctl snapshot save` of
 * etcd gives, a bbolt database and its SHA-256, which `etcdctl snapshot restore` makes the store of a cluster of.
 */
export function writeSnapshot(host: EngineHost): Bytes {
  return toEnd(snapshotSteps(host));
}

/** The same in short steps, after a first one that finds all there is: what changes later is not in it. */
export function* snapshotSteps(host: EngineHost): Generator<void, Bytes> {
  const buckets = bucketsOf(host);
  yield;
  const pieces = yield* bboltSteps(buckets);
  const bodyBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const bytes = Buffer.allocUnsafeSlow(bodyBytes + hashBytes);
  const hash = createHash('sha256');
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    hash.update(piece);
    at += piece.length;
    yield;
  }
  bytes.set(hash.digest(), at);
  return bytes;
}

export interface ReadSnapshotOptions {
  /** Takes a copy of etcd's `member/snap/db`, which has no hash. Default: false. */
  readonly skipHashCheck?: boolean | undefined;
}

/**
 * The journal of what a snapshot of ours or of etcd's holds, for `EngineHost.restore`. Throws `INVALID_ARGUMENT` for
 * anything that is not a whole one.
 */
export function readSnapshot(bytes: Bytes, { skipHashCheck = false }: ReadSnapshotOptions = {}): JournalEntry[] {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return journalOf(readBbolt(skipHashCheck ? file : checkedBody(file)));
  } catch (error) {
    // A value that is no message of its kind is told by the codec, which does not know whose it was.
    if (!(error instanceof BboltError || ConclaveError.is(error)) || ConclaveError.is(error, 'INVALID_ARGUMENT')) {
      throw error;
    }
    throw new ConclaveError('INVALID_ARGUMENT', `the snapshot is damaged: ${error.message}`, { cause: error });
  }
}

function checkedBody(file: Buffer): Buffer {
  if (file.length % sectorBytes !== hashBytes) {
    throw new ConclaveError('INVALID_ARGUMENT', 'this is no snapshot: its length is not that of one with a SHA-256');
  }
  const body = file.subarray(0, -hashBytes);
  if (!sha256(body).equals(file.subarray(-hashBytes))) {
    throw new ConclaveError('INVALID_ARGUMENT', 'the snapshot is damaged: its SHA-256 does not fit');
  }
  return body;
}

/** 32 bits of everything that a snapshot holds. */
export function hashAll(host: EngineHost): number {
  return Buffer.from(writeSnapshot(host).subarray(-hashBytes)).readUInt32BE(0);
}

function sha256(bytes: Bytes): Buffer {
  return createHash('sha256').update(bytes).digest();
}
