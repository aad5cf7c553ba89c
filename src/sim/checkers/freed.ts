import type { History, Note } from '../history.js';
import { factsOf, groupBy, operationsOf } from './operations.js';

/** A place that was the first of its line, and is no more. */
export interface Freed {
  readonly at: number;
  readonly note: Note;
  /** It went before its time: released, broken, its lease taken by a fault, or at the end of the run. */
  readonly excused: boolean;
}

/**
 * Tells when the server freed a place: undefined while it has not, or for lines of which its states are not recorded.
 */
export function freedOf(history: History): (object: string, fence: bigint, lease: bigint) => Freed | undefined {
  const states = groupBy(factsOf(history, 'state'), ({ object }) => object);
  const letGo = operationsOf(history, 'release', 'lock.break');
  const lettingGo = groupBy(letGo, ({ object, input }) => `${object}\n${input.fence}`);
  const injected = groupBy(
    factsOf(history, 'lease.ended').filter(({ data }) => data.cause === 'injected'),
    ({ data }) => data.lease,
  );
  const end = factsOf(history, 'phase').find(({ data }) => data.phase === 'end')?.at ?? Number.POSITIVE_INFINITY;
  return (object, fence, lease) => {
    const line = states.get(object) ?? [];
    const last = line.findLastIndex(({ data }) => termOf(data.value) === fence);
    const next = last < 0 ? undefined : line[last + 1];
    if (next === undefined) return undefined;
    const { at, note } = next;
    const wasLetGo = (lettingGo.get(`${object}\n${fence}`) ?? []).some(({ from }) => from < at);
    // The note of the lease's end may come right behind that of the keys that went with it.
    const wasTaken = (injected.get(lease) ?? []).some((ended) => ended.note.atMs <= note.atMs);
    return { at, note, excused: wasLetGo || wasTaken || end < at };
  };
}

function termOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'term' in value ? value.term : undefined;
}
