import type { Instance } from './instance.js';
import type { MassExpiry } from './mass-expiry.js';

/** How the instances at one revision differ from those shown before. */
export interface InstancesChange {
  readonly revision: bigint;
  /** The changes in between were missed: all that differs, in one step. */
  readonly resync: boolean;
  readonly joined: readonly Instance[];
  readonly left: readonly Instance[];
  readonly changed: readonly InstanceChange[];
}

export interface InstanceChange {
  readonly before: Instance;
  readonly after: Instance;
}

/** The change as those see it who keep what vanished together with most others. */
export function keeping(
  massExpiry: MassExpiry,
  change: InstancesChange,
  aliveAfter: number,
  nowMs: number,
): InstancesChange {
  const joined: Instance[] = [];
  const changed = [...change.changed];
  for (const after of change.joined) {
    const before = massExpiry.joined(after);
    if (before === undefined) joined.push(after);
    else changed.push({ before, after });
  }
  const left = new Map(change.left.map((each) => [each.key, each]));
  for (const kept of massExpiry.left(change.left, aliveAfter, nowMs)) {
    // Those that went a moment ago, before it was known how many would, come back.
    if (!left.delete(kept.key)) joined.push(kept);
  }
  return { ...change, joined, left: [...left.values()], changed };
}

/** The change as those see it who see only instances for which `filter` is true. */
export function filtered(
  change: InstancesChange,
  filter: ((instance: Instance) => boolean) | undefined,
): InstancesChange {
  if (filter === undefined) return change;
  const joined = change.joined.filter(filter);
  const left = change.left.filter(filter);
  const changed: InstanceChange[] = [];
  for (const each of change.changed) {
    const [was, is] = [filter(each.before), filter(each.after)];
    if (was && is) changed.push(each);
    else if (is) joined.push(each.after);
    else if (was) left.push(each.before);
  }
  return { ...change, joined, left, changed };
}

/** What differs between two lists. */
export function difference(
  before: readonly Instance[],
  after: readonly Instance[],
): Pick<InstancesChange, 'joined' | 'left' | 'changed'> {
  const old = new Map(before.map((each) => [each.key, each]));
  const joined: Instance[] = [];
  const changed: InstanceChange[] = [];
  for (const each of after) {
    const was = old.get(each.key);
    old.delete(each.key);
    if (was === undefined) joined.push(each);
    else if (was.modRevision !== each.modRevision) changed.push({ before: was, after: each });
  }
  return { joined, left: [...old.values()], changed };
}
