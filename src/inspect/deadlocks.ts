import type { Stand, Wait } from './wait.js';

/** Parties of which each waits for the next. */
export interface Deadlock {
  /** Everyone who is in it; who only waits behind it is not. */
  readonly parties: readonly string[];
  /** The shortest circle: the holder of each wait is the waiter of the next, and that of the last of the first. */
  readonly circle: readonly Wait[];
  /** The circle in words. */
  readonly explanation: string;
}

type Graph = ReadonlyMap<string, readonly Wait[]>;

/** The deadlocks among `waits`, none of which ends by itself. */
export function deadlocksAmong(waits: readonly Wait[]): Deadlock[] {
  const out = graphOf(waits, ({ waiter }) => waiter);
  const into = graphOf(waits, ({ holder }) => holder);
  const seen = new Set<string>();
  return [...out.keys()].flatMap((party) => {
    if (seen.has(party)) return [];
    const ahead = reach(party, out, ({ holder }) => holder);
    const behind = reach(party, into, ({ waiter }) => waiter);
    const parties = [...ahead].filter((each) => behind.has(each)).sort();
    for (const each of parties) seen.add(each);
    if (parties.length < 2) return [];
    const circle = parties
      .map((each) => shortestCircle(each, out))
      .reduce((a, b) => (b.length > 0 && b.length < a.length ? b : a));
    return [{ parties, circle, explanation: explain(circle) }];
  });
}

function graphOf(waits: readonly Wait[], from: (wait: Wait) => Stand): Graph {
  const graph = new Map<string, Wait[]>();
  for (const wait of waits) {
    const { party } = from(wait);
    const known = graph.get(party);
    if (known === undefined) graph.set(party, [wait]);
    else known.push(wait);
  }
  return graph;
}

/** `start` and everyone who can be reached from it. */
function reach(start: string, graph: Graph, to: (wait: Wait) => Stand): Set<string> {
  const found = new Set([start]);
  // A set yields what is added while it is walked.
  for (const party of found) for (const wait of graph.get(party) ?? []) found.add(to(wait).party);
  return found;
}

/** The shortest way from `start` back to it; empty if there is none. */
function shortestCircle(start: string, graph: Graph): Wait[] {
  const cameBy = new Map<string, Wait>();
  const queue = [start];
  for (const party of queue) {
    for (const wait of graph.get(party) ?? []) {
      const next = wait.holder.party;
      if (cameBy.has(next)) continue;
      cameBy.set(next, wait);
      if (next === start) return wayTo(start, cameBy);
      queue.push(next);
    }
  }
  return [];
}

function wayTo(start: string, cameBy: ReadonlyMap<string, Wait>): Wait[] {
  const way: Wait[] = [];
  let wait = cameBy.get(start);
  // Bounded by the parties: each was reached by one wait.
  while (wait !== undefined) {
    way.unshift(wait);
    wait = wait.waiter.party === start ? undefined : cameBy.get(wait.waiter.party);
  }
  return way;
}

function explain(circle: readonly Wait[]): string {
  return circle
    .map(({ line, waiter }, i) => {
      const before = circle.at(i - 1) as Wait;
      const holds = `${JSON.stringify(before.line)} (fence ${before.holder.fence})`;
      return `${waiter.party} holds ${holds} and waits for ${JSON.stringify(line)}`;
    })
    .join('; ');
}
