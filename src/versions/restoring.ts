import type { Past } from './history.js';
import { differs } from './key-diff.js';
import type { StateAt } from './state-at.js';
import type { Wish } from './write.js';

/** What has to be written so that what is there now becomes `state`; guarded by what is there now. */
export function restoring({ current }: Past, state: StateAt): Wish[] {
  const names = new Set([...current.keys(), ...state.keys()]);
  return [...names]
    .map((name) => ({ name, bytes: state.get(name), expected: current.get(name)?.modRevision ?? 0n }))
    .filter(({ name, bytes }) => differs(current.get(name)?.value, bytes));
}
