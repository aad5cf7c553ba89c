import type { Entry, History } from '../../../../src/sim/history.js';

/** The history with the entry at `from` moved to stand at `to`. */
export function moved(history: History, from: number, to: number): History {
  const entries = [...history];
  const [entry] = entries.splice(from, 1) as [Entry];
  entries.splice(to, 0, entry);
  return entries;
}

export function without(history: History, at: number): History {
  return history.filter((_, i) => i !== at);
}

/** Places of the entries that `test` picks. */
export function placesOf(history: History, test: (entry: Entry) => boolean): number[] {
  return history.flatMap((entry, at) => (test(entry) ? [at] : []));
}

/** Where the operation ended at `at` was called. */
export function callOf(history: History, at: number): number {
  const end = history[at];
  if (end === undefined || end.type === 'note') return -1;
  return history.findIndex((each) => each.type === 'invoke' && each.id === end.id && each.process === end.process);
}

/** Two grants that follow each other, the second asked for before the first was given; `choice` picks a pair. */
export function waitingGrants(
  history: History,
  choice: number,
  second: (op: string) => boolean = () => true,
): readonly [first: number, second: number] | undefined {
  const grants = placesOf(history, (entry) => entry.type === 'ok' && entry.output !== null);
  const pairs = grants.slice(1).map((at, i) => [grants[i] as number, at] as const);
  const fitting = pairs.filter(([first, at]) => {
    const call = history[callOf(history, at)];
    return callOf(history, at) < first && call?.type === 'invoke' && second(call.op);
  });
  return fitting[choice % Math.max(1, fitting.length)];
}

/** The history with the data of the note, input or output at `at` changed. */
export function changed(history: History, at: number, change: (entry: Entry) => Entry): History {
  return history.map((entry, i) => (i === at ? change(entry) : entry));
}
