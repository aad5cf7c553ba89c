import { createHash, type Hash } from 'node:crypto';
import type { KeySpace } from '../../engine/key-space.js';
import { etcdError } from '../../store/etcd-errors.js';
import type { KeyValue } from '../../store/messages.js';

export interface KeysHash {
  /** 32 bits. */
  readonly hash: number;
  /** As `KeySpace` has it: -1 before the first compaction, as etcd tells it too. */
  readonly compactRevision: bigint;
  readonly hashRevision: bigint;
}

/**
 * A hash of everything that can be read and watched up to `revision` (0: all): equal for stores with equal keys,
 * history and last compaction. The value is ours: etcd's depends on its file format.
 */
export function hashKeys(space: KeySpace, revision: bigint): KeysHash {
  const { compactRevision } = space;
  if (revision < 0n || (revision > 0n && revision < compactRevision)) throw etcdError('compacted');
  if (revision > space.revision) throw etcdError('futureRevision');
  const hashRevision = revision === 0n ? space.revision : revision;
  const hash = createHash('sha256');
  if (compactRevision > 0n) for (const kv of space.all(compactRevision)) addKeyValue(hash, kv);
  const first = compactRevision > 1n ? compactRevision : 2n;
  for (let at = first; at <= hashRevision; at++) {
    for (const { deleted, kv } of space.changesOf(at)?.changes ?? []) {
      hash.update(deleted ? 'D' : 'P');
      addKeyValue(hash, kv);
    }
  }
  return { hash: hash.digest().readUInt32BE(0), compactRevision, hashRevision };
}

/** Lengths go first, so that no two stores can look alike. */
function addKeyValue(hash: Hash, kv: KeyValue): void {
  const { key, value, createRevision, modRevision, version, lease } = kv;
  hash.update(`${key.length} ${value.length} ${createRevision} ${modRevision} ${version} ${lease} `);
  hash.update(key);
  hash.update(value);
}
