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
  for (const branch of own) Object.freeze(branch);
  return issues.length > 0 ? { issues } : { value: root };
}

/**
 * The same with another value of one leaf: only the branches that lead to it are others. Undefined: what stands there
 * is not `before` alone, and the whole has to be put together again.
 */
export function replaceLeaf(whole: unknown, path: string, before: unknown, after: unknown): unknown {
  if (path === '') return after;
  return replaceBelow(whole, path.split('/'), before, after);
}

function replaceBelow(branch: unknown, [name = '', ...deeper]: readonly string[], before: unknown, after: unknown) {
  if (!isPlainObject(branch) || !Object.hasOwn(branch, name)) return undefined;
  const member = branch[name];
  const replaced: unknown =
    deeper.length > 0 ? replaceBelow(member, deeper, before, after) : member === before ? after : undefined;
  return replaced === undefined ? undefined : Object.freeze({ ...branch, [name]: replaced });
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
