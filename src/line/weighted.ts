import { type Bytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { type KeyValue, type RangeResponse, WatchFilter } from '../store/messages.js';
import { createdAt, get } from '../store/ops.js';
import { admitByWeight, type Permits } from './admit.js';
import { type Place, tailIn } from './place.js';
import { type Agreement, deletionOf, eldersIn, newestIn, noneIn, type Rule, type Span, tagged } from './rule.js';

/** Where a semaphore keeps what on the store. */
export interface SemaphoreKeys {
  /** The places, and nothing else that is no nested name's. */
  readonly places: Span;
  /** How many permits its users have declared: the same for all of them. */
  readonly declared: Bytes;
  /** How many there are since `setPermits`; absent: as many as declared. */
  readonly permits: Bytes;
}

export function semaphoreKeys(prefix: Bytes): SemaphoreKeys {
  return {
    places: { key: tagged(prefix, 'p.'), rangeEnd: tagged(prefix, 'p/') },
    declared: tagged(prefix, 'declared'),
    permits: tagged(prefix, 'permits'),
  };
}

/** What a place in a semaphore wants. */
export interface Load {
  /** How many permits the semaphore has, as its users declare it. */
  readonly declared: number;
  readonly weight: number;
  /** The highest number of permits that has been seen: who is asked for so many places sees enough at once. */
  readonly seen: { highest: number };
}

/**
 * A place that takes up `weight` of the permits. The weight is written into its key, where a count reads it and nobody
 * changes it. A verdict reads as many places as may have permits, however long the line is.
 */
export function weighted(prefix: Bytes, { declared, weight, seen }: Load): Rule {
  const { places, permits, ...keys } = semaphoreKeys(prefix);
  return {
    kind: 'weighted',
    prefix,
    stands: places.key,
    tail: `${weight}`,
    agreement: agreementOn(keys.declared, declared),
    free: [createdAt(permits, 0n), noneIn(places)],
    passesOn: true,
    // One more than can fit in.
    reads: (extent) => [get(permits), newestIn(places, extent, { limit: BigInt(seen.highest + 1), keysOnly: true })],
    admit: ([record, page], createRevision) => {
      if (record === undefined || page === undefined) return undefined;
      const current = permitsIn(record, declared);
      seen.highest = Math.max(seen.highest, current.highest);
      const elders = eldersIn(page, prefix, createRevision);
      const weights = elders.map((elder) => weightOf(prefix, elder));
      if (page.more && sumOf(weights) <= current.highest) return undefined;
      return admitByWeight(weights, elders[0], weight, current);
    },
    // The number of permits may have changed.
    stillWaits: () => undefined,
    bells: (wait, own) =>
      wait.type === 'wait'
        ? [{ key: wait.behind.key }, deletionOf(own)]
        : [
            { ...places, filters: [WatchFilter.noPut] },
            { key: permits, filters: [WatchFilter.noDelete] },
          ],
  };
}

export function agreementOn(key: Bytes, declared: number): Agreement {
  return {
    key,
    value: utf8(`${declared}`),
    mismatch: (found) =>
      new ConclaveError(
        'MISMATCH',
        `this semaphore has ${utf8Text(found)} permits by those who use it already, not ${declared}`,
      ),
  };
}

/** How many permits a place takes up. */
export function weightOf(prefix: Bytes, { key }: Pick<Place, 'key'>): number {
  const tail = tailIn(semaphoreKeys(prefix).places.key, key);
  return /^[1-9]\d*$/.test(tail) ? Number(tail) : 1;
}

export function encodePermits({ permits, highest }: Permits): Bytes {
  return utf8(JSON.stringify({ permits, highest }));
}

/** What a read of the permits' key says. */
export function permitsIn({ kvs: [kv] }: Pick<RangeResponse, 'kvs'>, declared: number): Permits {
  return (kv && decodePermits(kv)) ?? { permits: declared, highest: declared };
}

function decodePermits({ value }: KeyValue): Permits | undefined {
  try {
    const { permits, highest } = JSON.parse(utf8Text(value)) as Permits;
    return Number.isSafeInteger(permits) && Number.isSafeInteger(highest) ? { permits, highest } : undefined;
  } catch {
    return undefined;
  }
}

function sumOf(weights: readonly number[]): number {
  return weights.reduce((sum, each) => sum + each, 0);
}
