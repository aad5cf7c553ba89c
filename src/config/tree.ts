import { isPlainObject, isSafeName } from '../core/plain.js';
import type { Issue } from '../core/standard-schema.js';

/** A value and the place that it takes in the whole: `db/host`; empty: the value is the whole. */
export interface Leaf {
  readonly path: string;
  readonly value: unknown;
}

export type Assembled = { readonly value: unknown } | { readonly issues: readonly Issue[] };

/** One branch while it is put together. */
type Branch = Record<string, unknown>;

/**
 * One object of many keys: `db/host` becomes `{ db: { host } }`. A key that others lie below is an object that they
 * are members of. `leaves` in the order of their paths.
 */
export function assemble(leaves: Iterable<Leaf>): Assembled {
  const root: Branch = {};
  const own = new Set<Branch>([root]);
  const issues: Issue[] = [];
  for (const { path, value } of leaves) {
    if (path === '') return { value };
    const names = path.split('/');
    if (!names.every(isSafeName)) {
      issues.push({ path, message: 'a part of the key cannot be a name' });
      continue;
    }
    const last = names.pop() as string;
    const branch = names.reduce<Branch | undefined>((above, name) => above && below(above, name, own), root);
    if (branch === undefined) issues.push({ path, message: 'lies below a key whose value is no object' });
    else if (Object.hasOwn(branch, last)) issues.push({ path, message: 'is a key, and a member of one above it' });
    else branch[last] = value;
  }
  return issues.length > 0 ? { issues } : { value: root };
}

/** The branch `name` of `above`, made if it is not there; a key's own value is copied, and its members stay. */
function below(above: Branch, name: string, own: Set<Branch>): Branch | undefined {
  const found = Object.hasOwn(above, name) ? above[name] : {};
  if (!isPlainObject(found)) return undefined;
  if (own.has(found as Branch)) return found as Branch;
  const branch = { ...found };
  own.add(branch);
  above[name] = branch;
  return branch;
}
