import { utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';

/**
 * How much a candidate is to be preferred. It stands in the candidate's key, where nobody but us reads: all see the
 * same ranks, whatever each would prefer itself, so that no two ever hand over to each other in turns.
 */
export interface Rank {
  /** A whole number; the higher, the better. */
  readonly priority: number;
  readonly zone?: string | undefined;
  /** Of the zone that it prefers itself: it comes before all who are not, whatever their priority. */
  readonly preferred: boolean;
}

/** What a candidate says of its rank; one that says anything hands over to a better one before it begins. */
export interface RankOptions {
  /** A whole number, negative too; who stands with a higher one is to lead. Default: 0. */
  readonly priority?: number | undefined;
  /** Where this candidate is. */
  readonly zone?: string | undefined;
  /** Candidates of this zone come before all others, whatever their priority. */
  readonly preferZone?: string | undefined;
}

/**
 * The rank of a candidate that takes part in ranking; undefined: it says nothing of it, and hands over to nobody.
 * @throws ConclaveError `INVALID_ARGUMENT`.
 */
export function rankOf({ priority, zone, preferZone }: RankOptions): Rank | undefined {
  if (priority === undefined && zone === undefined && preferZone === undefined) return undefined;
  const rank = { priority: priority ?? 0, zone, preferred: zone !== undefined && zone === preferZone };
  if (!Number.isSafeInteger(rank.priority)) {
    throw new ConclaveError('INVALID_ARGUMENT', `priority must be a whole number, got ${String(priority)}`);
  }
  for (const each of [zone, preferZone]) {
    if (each !== undefined && !isName(each)) {
      throw new ConclaveError('INVALID_ARGUMENT', 'a zone must be a string of at least one character');
    }
  }
  return rank;
}

/** As the tail of a place's key: `5`, `p5.eu-1`, `-5.eu-2`; `p` for preferred, the zone in percent-encoding. */
export function tailOf({ priority, zone, preferred }: Rank): string {
  const degree = `${preferred ? 'p' : ''}${priority}`;
  return zone === undefined ? degree : `${degree}.${encodeURIComponent(zone)}`;
}

/** The rank in the tail of a key, if there is one. */
export function rankIn(tail: string): Rank | undefined {
  if (tail === '') return undefined;
  const [, preferred, priority, zone] = /^(p?)(-?\d{1,16})(?:\.(.+))?$/s.exec(tail) ?? [];
  if (priority === undefined) return undefined;
  return {
    priority: Number(priority),
    preferred: preferred === 'p',
    ...(zone !== undefined && { zone: decoded(zone) }),
  };
}

/** Whether `a` is to lead rather than `b`. Whoever has no rank has priority 0. */
export function outranks(a: Partial<Rank>, b: Partial<Rank>): boolean {
  const [aPreferred, bPreferred] = [a.preferred ?? false, b.preferred ?? false];
  return aPreferred === bPreferred ? (a.priority ?? 0) > (b.priority ?? 0) : aPreferred;
}

function isName(text: unknown): boolean {
  // A lone surrogate has no UTF-8.
  return typeof text === 'string' && text !== '' && utf8Text(utf8(text)) === text;
}

function decoded(zone: string): string {
  try {
    return decodeURIComponent(zone);
  } catch {
    // Not written by us.
    return zone;
  }
}
