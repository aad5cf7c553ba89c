/**
 * A gateway's JSON with the fields `own`, which each server has its own of, blotted out; an error's text under both of
 * the names that etcds give it (`gateway-error-keys`), as ours has it.
 */
export function plain(value: unknown, own: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => plain(each, own));
  if (typeof value !== 'object' || value === null) return value;
  const isError = 'code' in value && 'message' in value;
  const entries = Object.entries(isError ? { error: value.message, ...value } : value);
  return Object.fromEntries(entries.map(([name, each]) => [name, own.includes(name) ? 'own' : plain(each, own)]));
}
