/** For `sort`. */
export function compareBigints(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export function laterOf(a: bigint, b: bigint): bigint {
  return compareBigints(a, b) > 0 ? a : b;
}
