import type { History } from '../history.js';
import { okOperationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/**
 * A read of a cache is as new as was asked for: it has every write that was acknowledged before it, or so long before
 * it, and everything up to the revision asked for. That what is shown at a revision was there is for `convergence`.
 */
export function cache(history: History): Violation[] {
  const writes = okOperationsOf(history, 'cache.write');
  return okOperationsOf(history, 'cache.read').flatMap((read) => {
    const { object, input, invoke, end, from, output } = read;
    const { consistent, maxStaleMs, minRevision } = input;
    const found: Violation[] = [];
    const missing = writes.filter((write) => write.object === object && write.output.revision > output.revision);
    const was = `${object} was read as of revision ${output.revision}`;
    for (const write of missing) {
      const { revision } = write.output;
      if (consistent && write.endAt < from) {
        const message = `${was}, after ${revision} was acknowledged`;
        found.push(broken('cache: consistent', message, write.end, invoke, end));
      }
      const agoMs = invoke.atMs - (write.end?.atMs ?? Number.POSITIVE_INFINITY);
      if (maxStaleMs !== null && agoMs > maxStaleMs) {
        const message = `${was}, ${agoMs} ms after ${revision} was acknowledged, where ${maxStaleMs} ms were allowed`;
        found.push(broken('cache: fresh', message, write.end, invoke, end));
      }
    }
    if (output.revision < minRevision) {
      found.push(broken('cache: reached', `${was}, where ${minRevision} was asked for`, invoke, end));
    }
    return found;
  });
}
