/** Values are `count:turn`, or that as JSON, so that each is written once only. */
export function countIn(value: string): number {
  return Number(/^"?(\d+):/.exec(value)?.[1] ?? 0);
}
