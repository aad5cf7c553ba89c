import type { History } from '../history.js';
import { factsOf, groupBy, okOperationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/**
 * Who was broken is out: when the break has been answered with true, that fence is not first in line any more, and no
 * guarded write that begins later succeeds with it. For lines of which the server's states are recorded.
 */
export function lockBreaks(history: History): Violation[] {
  const breaks = okOperationsOf(history, 'lock.break').filter(({ output }) => output);
  if (breaks.length === 0) return [];
  const states = groupBy(factsOf(history, 'state'), ({ object }) => object);
  const writes = okOperationsOf(history, 'guarded.write').filter(
    ({ input, output }) => output.applied && !input.outside,
  );
  return breaks.flatMap(({ object, input: { fence }, endAt, end }) => {
    const line = states.get(object) ?? [];
    const standing = line.filter(({ at }) => at < endAt).slice(-1);
    const still = [...standing, ...line.filter(({ at }) => at > endAt)].find(
      ({ data }) => termOf(data.value) === fence,
    );
    const late = writes.find(({ input, from }) => input.line === object && input.fence === fence && from > endAt);
    return [
      ...(still === undefined
        ? []
        : [broken('lock-breaks: out', `${object}: fence ${fence} held after it was broken`, end, still.note)]),
      ...(late === undefined
        ? []
        : [
            broken(
              'lock-breaks: guard',
              `${object}: fence ${fence} wrote after it was broken`,
              end,
              late.invoke,
              late.end,
            ),
          ]),
    ];
  });
}

function termOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'term' in value ? value.term : undefined;
}
