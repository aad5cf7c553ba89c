import { type Bytes, latin1 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { RecipeContext } from '../line/context.js';
import { untilAnswered } from '../store/repeat.js';
import { keptVersions, type Past, type Version } from './history.js';
import { type KeyOrPrefix, placeOf } from './names.js';

/** What each name held; one that is absent was not there. */
export type StateAt = ReadonlyMap<string, Bytes>;

/**
 * What a place held at `revision`: by the store's own history, and where that is compacted by ours.
 * @throws ConclaveError `COMPACTED` when neither knows of some key, `FUTURE_REVISION`.
 */
export async function stateAt(
  context: RecipeContext,
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
    if (!isKnown(version, next, all.length, current.has(name), revision)) {
      throw new ConclaveError('COMPACTED', `what ${JSON.stringify(name)} held at revision ${revision} is not kept`);
    }
    if (version?.record.bytes !== undefined) state.set(name, version.record.bytes);
  }
  return state;
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
  const wasThere = version.record.bytes !== undefined;
  if (next === undefined) return wasThere === isThere;
  return next.record.replaced === (wasThere ? version.revision : 0n);
}
