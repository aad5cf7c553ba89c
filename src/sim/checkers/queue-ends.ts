import type { History } from '../history.js';
import { factsOf, groupBy, isOk, operationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/**
 * What was purged was in nobody's hands, is neither done nor handed out afterwards, and purges count what they took.
 */
export function purgedForGood(history: History): Violation[] {
  const purged = groupBy(factsOf(history, 'queue.purged'), ({ object, data }) => `${object} ${data.item}`);
  const inHand = [...purged.values()].flat().flatMap(({ object, data, note }) => {
    if (!data.claimed) return [];
    return [broken('queue: purge', `${object}: ${data.item} was purged while it was in hand`, note)];
  });
  const acks = operationsOf(history, 'queue.ack').filter(isOk);
  const both = acks.flatMap(({ object, input, end }) => {
    const fact = purged.get(`${object} ${input.item}`)?.[0];
    if (fact === undefined) return [];
    return [broken('queue: purge', `${object}: ${input.item} was done, and purged`, fact.note, end)];
  });
  const takes = operationsOf(history, 'queue.take').filter(isOk);
  const again = takes.flatMap(({ object, output, from, end }) => {
    const fact = output && purged.get(`${object} ${output.item}`)?.[0];
    if (fact === null || fact === undefined || fact.at > from) return [];
    return [broken('queue: purge', `${object}: ${output?.item} was handed out after it was purged`, fact.note, end)];
  });
  return [...inHand, ...both, ...again, ...purgesCount(history)];
}

function purgesCount(history: History): Violation[] {
  const taken = groupBy(factsOf(history, 'queue.purged'), ({ object }) => object);
  const purges = groupBy(operationsOf(history, 'queue.purge'), ({ object }) => object);
  return [...purges].flatMap(([object, ofQueue]) => {
    const there = taken.get(object)?.length ?? 0;
    const known = ofQueue.filter(isOk);
    const told = known.reduce((sum, { output }) => sum + output.count, 0);
    // One of unknown fate may have taken some.
    if (told === there || (told < there && known.length < ofQueue.length)) return [];
    const message = `${object}: purges told of ${told} items, and ${there} were purged`;
    return [broken('queue: purge counts', message, known.at(-1)?.end)];
  });
}

/** What was ever added less what is gone is what is there: limits go by it. */
export function countedRight(history: History): Violation[] {
  return factsOf(history, 'queue.counted').flatMap(({ object, data, note }) => {
    if (data.jobs === data.there && data.kib >= data.there) return [];
    const message = `${object}: ${data.jobs} items of ${data.kib} KiB are counted, and ${data.there} are there`;
    return [broken('queue: counted', message, note)];
  });
}

/**
 * A result comes with the ack of its own claim, at the revision that ends the item; whoever asks is told of that one,
 * or how else the item ended.
 */
export function resultsOfAcks(history: History): Violation[] {
  const rule = 'queue: result';
  const acks = groupBy(operationsOf(history, 'queue.ack'), ({ object, input }) => `${object} ${input.item}`);
  const ackOf = (object: string, item: string, claim: bigint | undefined) =>
    acks.get(`${object} ${item}`)?.find(({ input, result }) => input.claim === claim && result !== 'fail');
  const kept = factsOf(history, 'queue.kept').flatMap(({ object, data, note }) => {
    const { item, claim, done } = data;
    if (!done) return [broken(rule, `${object}: the result of ${item} came without its end`, note)];
    if (ackOf(object, item, claim) !== undefined) return [];
    return [
      broken(rule, `${object}: the result of ${item} is of claim ${claim}, which has acknowledged nothing`, note),
    ];
  });
  const ends = new Set(
    [...factsOf(history, 'queue.dead'), ...factsOf(history, 'queue.purged')].map(({ object, data, note }) => {
      return `${object} ${data.item} ${note.fact === 'queue.dead' ? 'dead' : 'gone'}`;
    }),
  );
  const answers = operationsOf(history, 'queue.result').filter(isOk);
  const told = answers.flatMap(({ object, input, output, end }) => {
    const { state, claim } = output;
    const isRight =
      state === 'done' ? ackOf(object, input.item, claim) !== undefined : ends.has(`${object} ${input.item} ${state}`);
    // Its lease may have been revoked before its time.
    const mayBeGone = state === 'gone' && acks.has(`${object} ${input.item}`);
    if (isRight || mayBeGone) return [];
    return [broken(rule, `${object}: ${input.item} was told to be ${state} ${claim ?? ''}, and was not`, end)];
  });
  return [...kept, ...told];
}
