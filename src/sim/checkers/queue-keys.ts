import type { History } from '../history.js';
import { factsOf, isOk, operationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/**
 * Of one dedupe key one job is there at a time, dead letters aside, at every revision; whoever was told of another job
 * was told of one that was there meanwhile.
 */
export function oneOfAKey(history: History): Violation[] {
  const states = factsOf(history, 'queue.keyed');
  const twins = states.flatMap(({ object, data, note }) => {
    const keys = data.jobs.map(({ key }) => key);
    if (new Set(keys).size === keys.length) return [];
    const jobs = data.jobs.map(({ id, key }) => `${id} of ${key}`).join(', ');
    return [broken('queue: one of a key', `${object}: there are ${jobs}`, note)];
  });
  const enqueues = operationsOf(history, 'queue.enqueue');
  const told = factsOf(history, 'queue.duplicate').flatMap(({ at, object, data, note }) => {
    const from = enqueues.find(({ input }) => input.item === data.item)?.from ?? 0;
    const first = states.findLastIndex((state) => state.at < from);
    const meanwhile = states.filter((state, i) => i >= first && state.at < at);
    if (meanwhile.some(({ data: { jobs } }) => jobs.some(({ id, key }) => id === data.id && key === data.key)))
      return [];
    const message = `${object}: ${data.item} was told of job ${data.id}, which was not there of key ${data.key}`;
    return [broken('queue: told of one that is there', message, note)];
  });
  return [...twins, ...told];
}

/** What was cancelled is neither done nor handed out afterwards. */
export function cancelledForGood(history: History): Violation[] {
  const cancels = operationsOf(history, 'queue.cancel').filter(isOk);
  const cancelled = new Map(cancels.filter(({ output }) => output).map((cancel) => [cancel.input.item, cancel]));
  const rule = 'queue: cancelled for good';
  const acks = operationsOf(history, 'queue.ack').filter(isOk);
  const done = acks.flatMap(({ object, input, end }) => {
    const cancel = cancelled.get(input.item);
    return cancel === undefined
      ? []
      : [broken(rule, `${object}: ${input.item} was done, and cancelled`, cancel.end, end)];
  });
  const takes = operationsOf(history, 'queue.take').filter(isOk);
  const again = takes.flatMap(({ object, output, from, end }) => {
    const cancel = output === null ? undefined : cancelled.get(output.item);
    if (cancel === undefined || cancel.endAt > from) return [];
    return [broken(rule, `${object}: ${output?.item} was handed out after it was cancelled`, cancel.end, end)];
  });
  return [...done, ...again];
}
