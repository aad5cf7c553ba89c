import { hash32 } from '../core/hash.js';
import { isPlainObject } from '../core/plain.js';

/** Who a watcher is, for values that not all see yet. */
export interface WatcherId {
  /** The same through restarts, or a restart may move it in or out of a rollout. */
  readonly id: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Who already sees a new value: the named, those with all the labels, and then a share of the rest. */
export interface Audience {
  readonly instances?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** 0 to 100, of all instances. Default: 0. */
  readonly percent?: number | undefined;
}

/** A value that some see already, and what the others see. As it stands on the store. */
export interface Rollout extends Audience {
  readonly next: unknown;
  readonly base: unknown;
}

const member = '$rollout';

/** `value` as one that only `audience` sees; the others see `base`. */
export function encodeRollout({ next, base, ...audience }: Rollout): unknown {
  return { [member]: { ...audience, value: next }, value: base };
}

/** @throws SyntaxError when it is meant to be one and is none. Undefined: an ordinary value. */
export function rolloutOf(value: unknown): Rollout | undefined {
  if (!isPlainObject(value) || !Object.hasOwn(value, member)) return undefined;
  const { [member]: step, value: base } = value;
  if (!isPlainObject(step) || !Object.hasOwn(step, 'value') || !Object.hasOwn(value, 'value')) {
    throw new SyntaxError(`${member} has no value, or none beside it`);
  }
  const { value: next, instances = [], labels = {}, percent = 0 } = step;
  const audience = { instances, labels, percent };
  if (!isAudience(audience)) {
    throw new SyntaxError(`${member}: instances are a list of texts, labels an object of texts, percent 0 to 100`);
  }
  return { next, base, ...audience };
}

/** What `watcher` sees of the value at `key`. */
export function seenBy(watcher: WatcherId, key: string, rollout: Rollout): unknown {
  return isChosen(watcher, key, rollout) ? rollout.next : rollout.base;
}

/** Whoever is chosen at some percentage is chosen at every higher one: one number per instance and key decides. */
export function isChosen(
  { id, labels: own = {} }: WatcherId,
  key: string,
  { instances, labels, percent }: Audience,
): boolean {
  if (instances?.includes(id)) return true;
  const wanted = Object.entries(labels ?? {});
  if (wanted.length > 0 && wanted.every(([name, value]) => Object.hasOwn(own, name) && own[name] === value))
    return true;
  return (hash32(`${key}\n${id}`) / 2 ** 32) * 100 < (percent ?? 0);
}

export function isAudience(value: Readonly<Record<keyof Audience, unknown>>): value is Required<Audience> {
  const { instances, labels, percent } = value;
  const isText = (each: unknown) => typeof each === 'string';
  return (
    Array.isArray(instances) &&
    instances.every(isText) &&
    isPlainObject(labels) &&
    Object.values(labels).every(isText) &&
    typeof percent === 'number' &&
    percent >= 0 &&
    percent <= 100
  );
}
