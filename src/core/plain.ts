/** A value of JSON's kinds. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain };

/** Deeper than any configuration, and far from where a recursion would end the process. */
const depthLimit = 100;

/**
 * JSON that may have been written by anybody, frozen all through.
 * @throws SyntaxError for what is no JSON, and for members that would reach a prototype in somebody's merge:
 * `__proto__`, and a `constructor` with a `prototype`.
 */
export function parsePlain(text: string): Plain {
  return frozenPlain(JSON.parse(text), 0);
}

/** JSON, or the text itself where it is none. */
export function jsonOrText(text: string): unknown {
  try {
    return parsePlain(text);
  } catch {
    return text;
  }
}

/** Whether a name can be a member of an object that is put together of many keys. */
export function isSafeName(name: string): boolean {
  return name !== '' && name !== '__proto__' && name !== 'constructor' && name !== 'prototype';
}

/** A finite number as it is, anything else as `otherwise`. */
export function numberOr<T>(value: unknown, otherwise: T): number | T {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Objects of JSON and of `{}`, none of a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Freezes objects and arrays all through, in place; those of a class as they are. Circles are no harm. */
export function deepFreeze<T>(value: T, seen = new Set<unknown>()): T {
  if (typeof value !== 'object' || value === null || seen.has(value)) return value;
  if (!Array.isArray(value) && !isPlainObject(value)) return value;
  seen.add(value);
  for (const each of Object.values(value)) deepFreeze(each, seen);
  return Object.freeze(value);
}

/** A copy of objects and arrays all through, so that whoever freezes it freezes nobody else's. */
export function deepCopy(value: unknown, depth = 0): unknown {
  if (depth > depthLimit) throw new RangeError(`nested deeper than ${depthLimit}`);
  if (Array.isArray(value)) return value.map((each) => deepCopy(each, depth + 1));
  if (!isPlainObject(value)) return value;
  const members = Object.entries(value).filter(([name]) => name !== '__proto__');
  return Object.fromEntries(members.map(([name, each]) => [name, deepCopy(each, depth + 1)]));
}

/** Whether two values are the same in all that JSON would tell of them. */
export function samePlain(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((each, i) => samePlain(each, b[i]));
  }
  if (!isPlainObject(a) || !isPlainObject(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  for (const name of names) if (!Object.hasOwn(b, name) || !samePlain(a[name], b[name])) return false;
  return true;
}

function frozenPlain(value: Plain, depth: number): Plain {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === depthLimit) throw new SyntaxError(`nested deeper than ${depthLimit}`);
  if (!Array.isArray(value)) refuseUnsafe(value as Readonly<Record<string, Plain>>);
  for (const each of Object.values(value)) if (typeof each === 'object') frozenPlain(each, depth + 1);
  return Object.freeze(value);
}

function refuseUnsafe(value: Readonly<Record<string, Plain>>): void {
  if (Object.hasOwn(value, '__proto__')) throw new SyntaxError('a member is called __proto__');
  const made = Object.hasOwn(value, 'constructor') ? value.constructor : undefined;
  if (isObject(made) && Object.hasOwn(made, 'prototype')) {
    throw new SyntaxError('a member is called constructor and has a prototype');
  }
}
