import { type Bytes, latin1 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { KeyValue } from '../store/messages.js';
import { untilAnswered } from '../store/repeat.js';
import { keptVersions, type Past, type Version, wasThere } from './history.js';
import { type KeyOrPrefix, placeOf, type Versioned } from './place.js';

/** What each name held; one that is absent was not there. */
export type StateAt = ReadonlyMap<string, Bytes>;

/**
 * What a place held at `revision`: by the store's own history, and where that is compacted by ours.
 * @throws ConclaveError `COMPACTED` when neither knows of some key, `FUTURE_REVISION`.
 */
export async function stateAt(
  context: Versioned,
  what: KeyOrPrefix,
  past: Past,
  revision: bigint,
  signal: AbortSignal,
): Promise<StateAt> {
  if (typeof revision !== 'bigint' || revision <= 0n) {
    throw new ConclaveError('INVALID_ARGUMENT', `a revision is a bigint above 0n, got ${revision}`);
  }
  const { store, runtime } = context;
  const place = placeOf(context, what);
  const prefix = 'prefix' in what ? place.name : '';
  try {
    const request = { key: place.key, rangeEnd: place.rangeEnd, revision };
    const { kvs } = await untilAnswered(runtime, signal, () => store.range(request, { signal }));
    return new Map(kvs.map(({ key, value }) => [`${prefix}${place.pathOf(latin1(key))}` || place.name, value]));
  } catch (error) {
    if (!ConclaveError.is(error, 'COMPACTED')) throw error;
    return fromVersions(past, revision);
  }
}

function fromVersions({ versions, current }: Past, revision: bigint): StateAt {
  const state = new Map<string, Bytes>();
  for (const [name, all] of versions) {
    const at = all.findLastIndex((each) => each.revision <= revision);
    const [version, next] = [all[at], all[at + 1]];
    if (!isKnown(version, next, all.length, current.has(name), revision)) throw notKept(name, revision);
    const bytes = version && bytesOf(version, current.get(name));
    if (bytes !== undefined) state.set(name, bytes);
  }
  return state;
}

/** What was too large to be kept may still be what stands there. */
function bytesOf({ name, revision, record }: Version, current: KeyValue | undefined): Bytes | undefined {
  if (record.omitted !== true) return record.bytes;
  if (current?.modRevision === revision) return current.value;
  throw notKept(name, revision);
}

function notKept(name: string, revision: bigint): ConclaveError {
  return new ConclaveError('COMPACTED', `what ${JSON.stringify(name)} held at revision ${revision} is not kept`);
}

/** Whether `version` still stood at `revision`: between two of ours somebody may have written past us. */
function isKnown(
  version: Version | undefined,
  next: Version | undefined,
  count: number,
  isThere: boolean,
  revision: bigint,
): boolean {
  if (version === undefined) return next?.record.replaced === 0n && count < keptVersions;
  if (version.revision === revision) return true;
  const there = wasThere(version.record);
  if (next === undefined) return there === isThere;
  return next.record.replaced === (there ? version.revision : 0n);
}
