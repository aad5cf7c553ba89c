import type { History } from '../history.js';
import { compareBigints } from './bigints.js';
import { factsOf, groupBy, isOk, type OkOperation, operationsOf } from './operations.js';
import type { Delivery, QueueTale } from './queue.js';
import { broken, type Violation } from './violation.js';

interface Arrival {
  readonly enqueue: OkOperation<'queue.enqueue'>;
  readonly revision: bigint;
  /** Within a group it counts for nothing. */
  readonly priority: number;
  readonly group: string;
  readonly first: Delivery;
  /** The first one, though it may have been given back with nobody to hear of it. */
  readonly claim: bigint;
}

/** `item` came first and was delivered later than `by`. */
interface Overtaken {
  readonly item: Arrival;
  readonly by: Arrival;
}

/**
 * First deliveries of one priority come in the order in which the items came in, and no lower priority goes before a
 * higher that was there. Those of a group come in the order in which they came in, whatever their priority. Delayed
 * items are left out. A take whose answer was lost may have been somebody's first delivery: each excuses one.
 */
export function firstOutOfOrder(history: History, tale: QueueTale): Violation[] {
  const lost = operationsOf(history, 'queue.take')
    .filter(({ object, result }) => object === tale.queue && (result === 'unknown' || result === 'open'))
    .map(({ from }) => from);
  return [...groupBy(arrivalsOf(tale, firstClaims(history, tale.queue)), ({ group }) => group).values()]
    .flatMap(overtakenIn)
    .sort((a, b) => a.by.first.take.endAt - b.by.first.take.endAt)
    .filter(({ by }) => {
      if (lost[0] === undefined || lost[0] > by.first.take.endAt) return true;
      lost.shift();
      return false;
    })
    .map(({ item, by }) => {
      const [late, early] = [item.enqueue.input.item, by.enqueue.input.item];
      const message = `${tale.queue}: ${early} was delivered before ${late}, whose turn it was`;
      return broken(
        'queue: in order',
        message,
        item.enqueue.end,
        by.enqueue.end,
        by.first.take.end,
        item.first.take.end,
      );
    });
}

/** By the store's own word, where it was written down. */
function firstClaims(history: History, queue: string): ReadonlyMap<string, bigint> {
  const claims = factsOf(history, 'queue.claimed').filter(({ object }) => object === queue);
  return new Map(claims.map(({ data }) => [data.item, data.claim] as const).reverse());
}

function arrivalsOf({ enqueues, deliveries }: QueueTale, claims: ReadonlyMap<string, bigint>): Arrival[] {
  const firsts = new Map<string, Delivery>();
  for (const delivery of deliveries) {
    const known = firsts.get(delivery.item);
    if (known === undefined || delivery.claim < known.claim) firsts.set(delivery.item, delivery);
  }
  const arrivals = enqueues.filter(isOk).flatMap((enqueue) => {
    const { item, delayMs, priority, group } = enqueue.input;
    const first = firsts.get(item);
    if (first === undefined || (delayMs ?? 0) > 0) return [];
    const rank = group === undefined ? (priority ?? 0) : 0;
    const claim = claims.get(item) ?? first.claim;
    return [{ enqueue, revision: enqueue.output.revision, priority: rank, group: group ?? '', first, claim }];
  });
  // One request may claim several: then they have one revision.
  return arrivals.sort(
    (a, b) => compareBigints(a.claim, b.claim) || b.priority - a.priority || compareBigints(a.revision, b.revision),
  );
}

/** Each item that was overtaken, with one that overtook it: one pass in the order of claims. */
function overtakenIn(inClaimOrder: readonly Arrival[]): Overtaken[] {
  const found: Overtaken[] = [];
  const newest = new Map<number, Arrival>();
  const latest = new Map<number, Arrival>();
  for (const item of inClaimOrder) {
    const same = newest.get(item.priority);
    const before = same !== undefined && same.revision > item.revision ? same : undefined;
    // A higher priority goes first only if it was there at the time of the claim.
    const lower = [...latest.values()].find((each) => each.priority < item.priority && each.claim > item.revision);
    const by = before ?? lower;
    if (by !== undefined) found.push({ item, by });
    if (same === undefined || item.revision > same.revision) newest.set(item.priority, item);
    latest.set(item.priority, item);
  }
  return found;
}
