/** What a caller was told of its write. */
export type Claim = 'applied' | 'not-applied' | 'unknown';

/** Writes of which the store shows something else than their callers were told, by key. */
export function falseClaims(claims: ReadonlyMap<string, Claim>, there: ReadonlySet<string>): string[] {
  return [...claims].flatMap(([key, claim]) => {
    if (claim === 'unknown' || (claim === 'applied') === there.has(key)) return [];
    return [`${key}: told ${claim}, and it is ${there.has(key) ? '' : 'not '}there`];
  });
}
