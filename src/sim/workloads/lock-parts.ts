import type { LockEntry } from '../../lock-all/lock-all.js';
import type { Grant } from '../vocabulary.js';

/** What is taken of one line, by itself or with others by `lockAll`. */
export type LockPart =
  | { readonly op: 'rwlock.read' | 'rwlock.write'; readonly name: string }
  | { readonly op: 'semaphore.acquire'; readonly permits: number };

/** How many permits the one semaphore has, as its users declare it. */
export const permitsInAll = 3;

/** As `lockAll` takes it. */
export function entryOf(part: LockPart): LockEntry {
  if (part.op === 'semaphore.acquire') return { semaphore: 's', of: permitsInAll, permits: part.permits };
  return part.op === 'rwlock.read' ? { read: part.name } : { write: part.name };
}

/** The object in a history. */
export function lineOf(part: LockPart): string {
  return part.op === 'semaphore.acquire' ? 'semaphore/s' : `rwlock/${part.name}`;
}

/** The input in a history. */
export function inputOf(part: LockPart) {
  return part.op === 'semaphore.acquire' ? { permits: part.permits, limit: permitsInAll } : null;
}

/** The output in a history. */
export function grantOf(
  held: { readonly fence: bigint; readonly leaseId: bigint; readonly key: string } | undefined,
): Grant | null {
  return held === undefined ? null : { fence: held.fence, lease: held.leaseId, key: held.key };
}
