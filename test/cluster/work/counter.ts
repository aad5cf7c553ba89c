/** Values are `count:turn`, so that each is written once only. */
export function countIn(value: string): number {
  return value === '' ? 0 : Number(value.slice(0, value.indexOf(':')));
}
