import type { Issue } from '../core/standard-schema.js';
import type { KeyDiff } from '../versions/key-diff.js';

/** Frozen all through. */
export type DeepReadonly<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends readonly unknown[] | object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/**
 * What a change came from: the store's events, a list after events were missed, the start with the last known values,
 * or one of the files.
 */
export type ChangeCause = 'watch' | 'resync' | 'snapshot' | 'fallback' | 'file';

/** From one value that was shown to the next one. */
export interface ConfigChange<T> {
  readonly revision: bigint;
  readonly previous: DeepReadonly<T> | undefined;
  readonly current: DeepReadonly<T>;
  readonly changes: readonly KeyDiff[];
  readonly cause: ChangeCause;
  /** Events were missed: all that differs, in one step. */
  readonly resync: boolean;
}

/** Why what the store has is not shown. */
export interface ConfigProblem {
  /** Of the state that was refused. */
  readonly revision: bigint;
  /** `path` names the key that cannot be read, or the member that the schema refuses. */
  readonly issues: readonly Issue[];
}

export function describeIssues(issues: readonly Issue[]): string {
  return issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
}
