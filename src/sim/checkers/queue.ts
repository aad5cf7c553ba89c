import type { History } from '../history.js';
import { factsOf, groupBy, isOk, type OkOperation, type Operation, operationsOf } from './operations.js';
import { endOf } from './phases.js';
import { firstAreClaimed, oneOfAGroup, progressByLiveClaim } from './queue-claims.js';
import { countedRight, purgedForGood, resultsOfAcks } from './queue-ends.js';
import { cancelledForGood, oneOfAKey } from './queue-keys.js';
import { firstOutOfOrder } from './queue-order.js';
import { pausedAsSaid } from './queue-pause.js';
import { broken, undecided, type Violation } from './violation.js';

/** Everything that a history tells of one queue. */
export interface QueueTale {
  readonly queue: string;
  readonly enqueues: readonly Operation<'queue.enqueue'>[];
  readonly deliveries: readonly Delivery[];
  readonly acks: readonly Operation<'queue.ack'>[];
}

export interface Delivery {
  readonly take: OkOperation<'queue.take'>;
  readonly item: string;
  readonly claim: bigint;
  readonly lease: bigint | undefined;
}

/**
 * Nothing acknowledged is lost, nothing is made up, what is done stays done, first deliveries come in order, and an
 * acknowledgement counts only while its claim is the item's latest and lives. Claims take what is first. Of a group one
 * item is in hand at a time, of a dedupe key one is there; progress is told by the live claim. A purge takes what is in
 * nobody's hands, for good, a cancel whatever it is told; a result is there with its ack.
 */
export function queue(history: History): Violation[] {
  const tales = talesOf(history).flatMap((tale) => [
    ...nothingLost(history, tale),
    ...nothingMadeUp(history, tale),
    ...doneStaysDone(tale),
    ...firstOutOfOrder(history, tale),
    ...latestClaim(history, tale),
  ]);
  return [
    ...tales,
    ...firstAreClaimed(history),
    ...pausedAsSaid(history),
    ...oneOfAGroup(history),
    ...progressByLiveClaim(history),
    ...oneOfAKey(history),
    ...cancelledForGood(history),
    ...purgedForGood(history),
    ...countedRight(history),
    ...resultsOfAcks(history),
  ];
}

function talesOf(history: History): QueueTale[] {
  const enqueues = groupBy(operationsOf(history, 'queue.enqueue'), ({ object }) => object);
  const takes = groupBy(operationsOf(history, 'queue.take').filter(isOk), ({ object }) => object);
  const acks = groupBy(operationsOf(history, 'queue.ack'), ({ object }) => object);
  const queues = new Set([...enqueues.keys(), ...takes.keys(), ...acks.keys()]);
  return [...queues].map((name) => ({
    queue: name,
    enqueues: enqueues.get(name) ?? [],
    deliveries: (takes.get(name) ?? []).flatMap((take) =>
      take.output === null ? [] : [{ take, ...take.output, lease: take.output.lease }],
    ),
    acks: acks.get(name) ?? [],
  }));
}

/** Judged once everyone had time: each item is done, still there, or given up as promised. */
function nothingLost(history: History, { queue: name, enqueues, acks }: QueueTale): Violation[] {
  const remaining = factsOf(history, 'queue.remaining').filter(({ object }) => object === name);
  const accepted = enqueues.filter(isOk);
  // An acknowledgement of unknown fate may have removed its item.
  const done = new Set(acks.filter(({ result }) => result !== 'fail').map(({ input }) => input.item));
  const redriven = new Set(operationsOf(history, 'queue.redrive').map(({ input }) => input.item));
  const dead = factsOf(history, 'queue.dead').filter(({ data }) => !redriven.has(data.item));
  const given = [
    ...[...dead, ...factsOf(history, 'queue.purged')].map(({ data }) => data.item),
    ...operationsOf(history, 'queue.cancel').flatMap(({ result, input }) => (result === 'fail' ? [] : [input.item])),
  ];
  const there = new Set([...(remaining.at(-1)?.data.items ?? []), ...given, ...done]);
  const missing = accepted.filter(({ input, from }) => !there.has(input.item) && from < endOf(history));
  const rule = 'queue: nothing lost';
  if (missing.length > 0 && remaining.length === 0) {
    const message = `${name}: ${missing.length} items are not done, and what remained was not recorded`;
    return [undecided(rule, message, ...missing.map(({ invoke }) => invoke))];
  }
  return missing.map(({ input, invoke, end }) =>
    broken(
      rule,
      `${name}: ${input.item} was accepted, and is neither done nor there`,
      invoke,
      end,
      remaining.at(-1)?.note,
    ),
  );
}

function nothingMadeUp(history: History, { queue: name, enqueues, deliveries }: QueueTale): Violation[] {
  const asked = groupBy(enqueues, ({ input }) => input.item);
  const remaining = factsOf(history, 'queue.remaining').filter(({ object }) => object === name);
  const left = remaining.flatMap(({ data, note }) =>
    data.items.flatMap((item) => {
      const enqueued = asked.get(item) ?? [];
      if (enqueued.length === 0 || enqueued.some(({ result }) => result !== 'fail')) return [];
      return [broken('queue: nothing made up', `${name}: ${item} is there, which was refused`, enqueued[0]?.end, note)];
    }),
  );
  const delivered = deliveries.flatMap(({ take, item }) => {
    const enqueued = asked.get(item) ?? [];
    if (enqueued.some(({ result, from }) => result !== 'fail' && from < take.endAt)) return [];
    const why = enqueued.length === 0 ? 'nobody enqueued' : 'was refused, or enqueued only later';
    return [
      broken('queue: nothing made up', `${name}: ${item} was delivered, which ${why}`, enqueued[0]?.end, take.end),
    ];
  });
  return [...left, ...delivered];
}

function doneStaysDone({ queue: name, deliveries, acks }: QueueTale): Violation[] {
  const done = groupBy(acks.filter(isOk), ({ input }) => input.item);
  const twice = [...done].flatMap(([item, [first, second]]) =>
    second === undefined
      ? []
      : [broken('queue: done once', `${name}: ${item} was acknowledged twice`, first?.end, second.end)],
  );
  const again = deliveries.flatMap(({ take, item }) => {
    const ack = done.get(item)?.find(({ endAt }) => endAt < take.from);
    if (ack === undefined) return [];
    return [broken('queue: done stays done', `${name}: ${item} was delivered after it was done`, ack.end, take.end)];
  });
  return [...twice, ...again];
}

function latestClaim(history: History, { queue: name, deliveries, acks }: QueueTale): Violation[] {
  const claims = groupBy(deliveries, ({ item }) => item);
  const ends = groupBy(factsOf(history, 'lease.ended'), ({ data }) => data.lease);
  const grants = groupBy(factsOf(history, 'lease.granted'), ({ data }) => data.lease);
  return acks.filter(isOk).flatMap(({ process, input, from, invoke, end }) => {
    const ofItem = claims.get(input.item) ?? [];
    const own = ofItem.find(({ claim }) => claim === input.claim);
    if (own === undefined || own.take.process !== process) {
      const message = `${name}: ${process} acknowledged ${input.item} by claim ${input.claim}, which it never had`;
      return [broken('queue: own claim', message, own?.take.end, invoke, end)];
    }
    const rule = 'queue: no ack by an expired claim';
    const later = ofItem.find(({ claim, take }) => claim > input.claim && take.endAt < from);
    if (later !== undefined) {
      const message =
        `${name}: ${process} acknowledged ${input.item} by claim ${input.claim} when ${later.claim} had been ` +
        `given`;
      return [broken(rule, message, own.take.end, later.take.end, invoke, end)];
    }
    const ended = own.lease === undefined ? undefined : ends.get(own.lease)?.findLast(({ at }) => at < from);
    // A grant of unknown fate is repeated with the same id, when its first lease may have ended already.
    const again = own.lease === undefined ? undefined : grants.get(own.lease)?.findLast(({ at }) => at < from);
    if (ended === undefined || (again !== undefined && again.at > ended.at)) return [];
    const message = `${name}: ${process} acknowledged ${input.item} by claim ${input.claim}, whose lease had ended`;
    return [broken(rule, message, own.take.end, ended.note, invoke, end)];
  });
}
