import { utf8Text } from '../core/bytes.js';
import { comparePlaces } from '../line/place.js';
import type { KeyValue } from '../store/messages.js';

/** What a party's value says: nothing yet, that it waits for others, or that they have all met. */
export type Standing =
  | { readonly type: 'idle' }
  | { readonly type: 'waiting'; readonly parties: number }
  /** `place`: 0 for the one that came first; `round` is the same for all who met, and for nobody else. */
  | { readonly type: 'met'; readonly parties: number; readonly place: number; readonly round: string };

export function encodeStanding(standing: Standing): string {
  switch (standing.type) {
    case 'idle':
      return '';
    case 'waiting':
      return `${standing.parties}`;
    case 'met':
      return `${standing.parties} ${standing.place} ${standing.round}`;
  }
}

/** A foreign value decides nothing. */
export function standingOf(kv: KeyValue): Standing {
  const [, parties, place, round] = grammar.exec(utf8Text(kv.value)) ?? [];
  if (parties === undefined) return { type: 'idle' };
  if (round === undefined) return { type: 'waiting', parties: Number(parties) };
  return { type: 'met', parties: Number(parties), place: Number(place), round };
}

const grammar = /^(\d{1,9})(?: (\d{1,9}) ([0-9a-f]+))?$/;

/** Those who wait, and how many they are to be; that is for the one who has waited longest to say. */
export interface Waiting {
  readonly parties: number;
  /** The first of them, as many as are to meet; undefined: they are too few. */
  readonly group: readonly KeyValue[] | undefined;
}

/** Undefined: nobody waits. In the order of their arrival, which is the last that was written of each. */
export function waitingIn(kvs: readonly KeyValue[]): Waiting | undefined {
  const all = kvs
    .map((kv) => ({ kv, standing: standingOf(kv) }))
    .filter(({ standing }) => standing.type === 'waiting')
    .sort((a, b) => byArrival(a.kv, b.kv));
  const first = all[0]?.standing;
  if (first?.type !== 'waiting') return undefined;
  const { parties } = first;
  const same = all.filter(({ standing }) => standing.type === 'waiting' && standing.parties === parties);
  return { parties, group: same.length < parties ? undefined : same.slice(0, parties).map(({ kv }) => kv) };
}

/** Two that arrived in one txn are told apart by the order in which they were made. */
function byArrival(a: KeyValue, b: KeyValue): number {
  if (a.modRevision !== b.modRevision) return a.modRevision < b.modRevision ? -1 : 1;
  return comparePlaces(a, b);
}
