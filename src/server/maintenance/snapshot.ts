import { createHash } from 'node:crypto';
import { type Bytes, concatBytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import type { JournalEntry } from '../../engine/journal.js';
import { BboltError, readBbolt } from '../bbolt/read.js';
import { writeBbolt } from '../bbolt/write.js';
import { bucketsOf, journalOf } from './database.js';

/** The file is of whole sectors, then comes a SHA-256 of it. */
const sectorBytes = 512;
const hashBytes = 32;

/**
 * Everything that the store holds, with its history since the last compaction: the file that `etcdctl snapshot save` of
 * etcd gives, a bbolt database and its SHA-256, which `etcdctl snapshot restore` makes the store of a cluster of.
 */
export function writeSnapshot(host: EngineHost): Bytes {
  const body = writeBbolt(bucketsOf(host));
  return concatBytes(body, sha256(body));
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
