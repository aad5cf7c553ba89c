import type { History } from '../history.js';
import { type Fact, factsOf, groupBy, type OkOperation, okOperationsOf } from './operations.js';
import { type Section, sectionsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

/**
 * Never more permits out than the limit, counted in the order of fences: who is admitted fits in beside everyone who
 * came before and has not gone, whether or not that one has heard of its turn yet. And everyone declares the same
 * limit. Where the server's lines are recorded the limit is the most permits that there were during the call.
 */
export function semaphore(history: History): Violation[] {
  const sections = sectionsOf(history, ['semaphore.acquire']);
  const lines = groupBy(factsOf(history, 'line.state'), ({ object }) => object);
  return [
    ...agreed(history),
    ...[...sections].flatMap(([object, each]) => bounded(object, each, lines.get(object) ?? [])),
  ];
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

function bounded(object: string, sections: readonly Section[], line: readonly Fact<'line.state'>[]): Violation[] {
  const begunFrom = beginsOfTheRest(sections);
  const found: Violation[] = [];
  let before: Section[] = [];
  sections.forEach((section, i) => {
    // What ended before all that follow began counts for none of them.
    before = before.filter(({ to }) => to > (begunFrom[i] as number));
    const beside = before.filter(({ to }) => to > section.from);
    const permits = [section, ...beside].reduce((sum, each) => sum + inputOf(each).permits, 0);
    const limit = limitOf(section, line);
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

function limitOf(section: Section, line: readonly Fact<'line.state'>[]): number {
  const { from } = section.acquire;
  const before = line.findLast(({ at }) => at < from);
  const during = line.filter(({ at }) => at > from && at < section.from);
  const seen = [before, ...during].flatMap((state) => state?.data.permits ?? []);
  return seen.length === 0 ? inputOf(section).limit : Math.max(...seen);
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
