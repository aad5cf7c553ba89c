import type { Instance } from './instance.js';

/** What a strategy chooses from: at least one instance. */
export interface Candidates {
  /** In the order of their ids; the same array as long as nothing has changed. */
  readonly instances: readonly Instance[];
  /** Calls that are under way there from here. */
  inFlight(instance: Instance): number;
}

export interface Choice {
  /** What the call is about, for strategies that keep like calls together. */
  readonly key?: string | undefined;
  /** From 0 up to 1. */
  random(): number;
}

/** One way to spread calls. May keep state of its own: each discovery has a strategy of its own. */
export interface Strategy {
  choose(candidates: Candidates, choice: Choice): Instance;
}

export function at(instances: readonly Instance[], index: number): Instance {
  return instances[index] as Instance;
}

/** The one that `score` rates highest; the first of several. */
export function best(instances: readonly Instance[], score: (instance: Instance) => number): Instance {
  let found = at(instances, 0);
  let highest = score(found);
  for (let i = 1; i < instances.length; i++) {
    const each = at(instances, i);
    const rated = score(each);
    if (rated > highest) [found, highest] = [each, rated];
  }
  return found;
}
