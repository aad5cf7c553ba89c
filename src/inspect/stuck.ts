import type { LineKind } from '../line/line-kind.js';
import type { Place } from '../line/place.js';
import type { Stand, Wait } from './wait.js';

/** A place and whose it is. */
export interface SeenPlace {
  readonly place: Place;
  readonly stand: Stand;
}

/** A line with waiters. */
export interface BusyLine {
  readonly name: string;
  readonly kind: LineKind;
  readonly holders: readonly SeenPlace[];
  readonly waiters: readonly SeenPlace[];
}

/**
 * The waits that will never end by themselves. Whoever waits for nobody will let go; so will whoever waits only for
 * those, and so on: what is left waits in a circle, or behind one. A permit of a semaphore may come from any holder,
 * hence no mere search for circles.
 */
export function stuckWaits(lines: readonly BusyLine[]): Wait[] {
  const stuck = new Set(lines.flatMap(({ waiters }) => waiters.map(({ stand }) => stand.party)));
  const waitsIn = indexByParty(lines, ({ waiters }) => waiters);
  const holdsIn = indexByParty(lines, ({ holders }) => holders);
  const doubted = [...stuck];
  // Each round takes one out, and puts some in only when one is found to be free: bounded by the places.
  for (let party = doubted.pop(); party !== undefined; party = doubted.pop()) {
    const line = (waitsIn.get(party) ?? []).find((each) => blockers(each, party as string, stuck).length > 0);
    if (line !== undefined || !stuck.delete(party)) continue;
    for (const { waiters } of holdsIn.get(party) ?? []) doubted.push(...partiesOf(waiters));
  }
  return lines.flatMap((line) => line.waiters.flatMap((waiter) => waitsOf(line, waiter, stuck)));
}

/** The holders that keep `party` waiting in `line`; none if it gets through when all that are not `stuck` have left. */
function blockers(line: BusyLine, party: string, stuck: ReadonlySet<string>): readonly SeenPlace[] {
  const [next] = line.waiters;
  const left = line.holders.filter(({ stand }) => stand.party !== party && stuck.has(stand.party));
  // Fair: everyone waits until the first waiter has got through.
  const through = next === undefined || line.kind.mayHold(placesIn(left), next.place);
  return through ? [] : left;
}

function waitsOf(line: BusyLine, waiter: SeenPlace, stuck: ReadonlySet<string>): Wait[] {
  return blockers(line, waiter.stand.party, stuck).map((holder) => ({
    line: line.name,
    waiter: waiter.stand,
    holder: holder.stand,
  }));
}

function indexByParty(
  lines: readonly BusyLine[],
  select: (line: BusyLine) => readonly SeenPlace[],
): Map<string, BusyLine[]> {
  const index = new Map<string, BusyLine[]>();
  for (const line of lines) {
    for (const party of partiesOf(select(line))) {
      const known = index.get(party);
      if (known === undefined) index.set(party, [line]);
      else known.push(line);
    }
  }
  return index;
}

function partiesOf(places: readonly SeenPlace[]): Set<string> {
  return new Set(places.map(({ stand }) => stand.party));
}

function placesIn(seen: readonly SeenPlace[]): Place[] {
  return seen.map(({ place }) => place);
}
