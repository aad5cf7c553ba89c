import { type Bytes, utf8Text } from '../core/bytes.js';
import { type Place, tailIn } from '../line/place.js';
import { type Rank, rankIn } from './rank.js';

/** Who leads, or stands for election; with its rank if it takes part in ranking. */
export interface Leader extends Partial<Rank> {
  readonly value: string;
  /** The epoch: the create revision of the candidate's key. Leaders follow each other in growing terms. */
  readonly term: bigint;
  readonly key: string;
  readonly leaseId: bigint;
}

export function leaderOf(prefix: Bytes, place: Place): Leader {
  return {
    value: utf8Text(place.value),
    term: place.createRevision,
    key: utf8Text(place.key),
    leaseId: place.lease,
    ...rankIn(tailIn(prefix, place.key)),
  };
}

/** The same candidate with the same value; a new candidate with an equal value is another leader. */
export function sameLeader(a: Leader | null, b: Leader | null): boolean {
  if (a === null || b === null) return a === b;
  return a.term === b.term && a.key === b.key && a.value === b.value;
}
