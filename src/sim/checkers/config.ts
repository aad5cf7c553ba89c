import type { History } from '../history.js';
import { factsOf, groupBy, isOk, operationsOf } from './operations.js';
import { endOf } from './phases.js';
import { broken, type Violation } from './violation.js';

/** What the workload shows of a configuration: two keys that are written together, and a counter. */
export interface ShownConfig {
  readonly a: unknown;
  readonly b: unknown;
  readonly n: number;
}

/**
 * What is shown is valid and of whole txns, each time at a later revision; what writers were told of their
 * compare-and-set is what the counter says.
 */
export function config(history: History): Violation[] {
  return [...shown(history), ...counted(history)];
}

function shown(history: History): Violation[] {
  const observers = groupBy(factsOf(history, 'view'), ({ process, data }) => `${process}\n${data.observer}`);
  const found: Violation[] = [];
  for (const [observer, views] of observers) {
    let last: (typeof views)[number] | undefined;
    for (const view of views) {
      const { a, b } = shownConfig(view.data.value);
      const who = `${observer.replace('\n', ' ')} was shown`;
      if (typeof a !== 'number' || typeof b !== 'number') {
        found.push(broken('config: valid', `${who} ${view.data.value}, which its schema refuses`, view.note));
      } else if (a !== b) {
        found.push(broken('config: whole', `${who} a ${a} and b ${b}, which no txn has written`, view.note));
      }
      const [before, now] = [last?.data.revision ?? -1n, view.data.revision ?? 0n];
      if (now <= before) {
        found.push(broken('config: grows', `${who} revision ${now} after ${before}`, last?.note, view.note));
      }
      last = view;
    }
  }
  return found;
}

/** Each addition that was acknowledged is in the counter once, each of unknown fate at most once, no other at all. */
function counted(history: History): Violation[] {
  const additions = operationsOf(history, 'config.add');
  const least = additions.filter(isOk).length;
  const most = additions.filter(({ result }) => result !== 'fail').length;
  const end = endOf(history);
  const last = factsOf(history, 'counter.total')
    .filter(({ at }) => at < end)
    .at(-1);
  if (last === undefined) return [];
  const n = Number(last.data.value);
  if (n >= least && n <= most) return [];
  const message = `the counter is ${n} after ${least} acknowledged additions and ${most - least} of unknown fate`;
  return [broken('config: counted', message, last.note)];
}

function shownConfig(value: unknown): ShownConfig {
  return JSON.parse(String(value)) as ShownConfig;
}
