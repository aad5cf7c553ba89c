import type { History } from '../history.js';
import { type Fact, factsOf, groupBy, isOk, operationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/**
 * Whoever a leader has handed over to leads next, at the very revision at which it let go: nobody in between, not even
 * nobody. For elections of which the server's states are recorded; the candidate is told by its value.
 */
export function handOver(history: History): Violation[] {
  const states = groupBy(factsOf(history, 'state'), ({ object }) => object);
  return operationsOf(history, 'election.handOver')
    .filter(isOk)
    .flatMap(({ object, process, input, invoke, end }) => {
      const line = states.get(object) ?? [];
      const last = line.findLastIndex(({ data }) => leaderIn(data)?.term === input.fence);
      const next = line[last + 1];
      if (last < 0 || (next !== undefined && leaderIn(next.data)?.value === input.to)) return [];
      const message = `${object}: ${process} handed term ${input.fence} over to ${input.to}, who did not lead next`;
      return [broken('election: hand-over', message, invoke, end, next?.note)];
    });
}

function leaderIn({ value }: Fact<'state'>['data']): { readonly term: bigint; readonly value: string } | null {
  return value as { readonly term: bigint; readonly value: string } | null;
}
