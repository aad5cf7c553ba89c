import type { History } from '../history.js';
import { groupBy, type OkOperation, okOperationsOf } from './operations.js';
import { type Section, sectionsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

/**
 * Never more permits out than the limit, counted in the order of fences: who is admitted fits in beside everyone who
 * came before and has not gone, whether or not that one has heard of its turn yet. And everyone has the same limit.
 */
export function semaphore(history: History): Violation[] {
  const sections = sectionsOf(history, ['semaphore.acquire']);
  return [...agreed(history), ...[...sections].flatMap(([object, each]) => bounded(object, each))];
}

function agreed(history: History): Violation[] {
  const acquires = okOperationsOf(history, 'semaphore.acquire').filter(({ output }) => output !== null);
  return [...groupBy(acquires, ({ object }) => object)].flatMap(([object, [first, ...others]]) => {
    const other = others.find(({ input }) => input.limit !== first?.input.limit);
    if (other === undefined) return [];
    const message = `${object}: admitted with a limit of ${first?.input.limit} and with one of ${other.input.limit}`;
    return [broken('semaphore: agreed', message, first?.invoke, other.invoke)];
  });
}

function bounded(object: string, sections: readonly Section[]): Violation[] {
  const begunFrom = beginsOfTheRest(sections);
  const found: Violation[] = [];
  let before: Section[] = [];
  sections.forEach((section, i) => {
    // What ended before all that follow began counts for none of them.
    before = before.filter(({ to }) => to > (begunFrom[i] as number));
    const beside = before.filter(({ to }) => to > section.from);
    const permits = [section, ...beside].reduce((sum, each) => sum + inputOf(each).permits, 0);
    const { limit } = inputOf(section);
    if (permits > limit) {
      const waiting = beside.some(({ from }) => from > section.from);
      const rule = waiting ? 'semaphore: fair' : 'semaphore: bounded';
      const message =
        `${object}: ${permits} of ${limit} permits were out when fence ${section.grant.fence} was ` + `admitted`;
      found.push(broken(rule, message, ...beside.map(({ acquire }) => acquire.end), section.acquire.end));
    }
    before.push(section);
  });
  return found;
}

/** For each place of the list, the first position at which a section from there on begins. */
function beginsOfTheRest(sections: readonly Section[]): number[] {
  let first = Number.POSITIVE_INFINITY;
  return [...sections]
    .reverse()
    .map(({ from }) => {
      first = Math.min(first, from);
      return first;
    })
    .reverse();
}

function inputOf({ acquire }: Section): { permits: number; limit: number } {
  return (acquire as OkOperation<'semaphore.acquire'>).input;
}
