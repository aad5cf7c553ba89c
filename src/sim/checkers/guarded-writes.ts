import type { History } from '../history.js';
import { compareBigints } from './bigints.js';
import { groupBy, isOk, type OkOperation, type Operation, operationsOf } from './operations.js';
import { plainText } from './plain-text.js';
import { grantsOf, type HoldOp, holdOps, type Section, sectionsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

type Write = OkOperation<'guarded.write'>;

/**
 * No write by a former holder succeeds: neither after a later holder began, nor behind a later holder's write in the
 * order of the protected store; and nothing that one holder wrote is overwritten by another who had not seen it.
 */
export function guardedWrites(history: History): Violation[] {
  const all = operationsOf(history, 'guarded.write');
  const exclusive = exclusiveSections(history);
  const grants = groupBy(grantsOf(history, holdOps), ({ acquire }) => acquire.object);
  return [...groupBy(all, ({ object }) => object).values()].flatMap((writes) => {
    const applied = writes.filter(isOk).filter(({ output }) => output.applied);
    return [
      ...applied.flatMap((write) => granted(write, grants.get(write.input.line) ?? [])),
      ...applied.flatMap((write) => current(write, exclusive.get(write.input.line) ?? [])),
      ...inFenceOrder(applied.filter(({ input }) => exclusive.has(input.line))),
      ...nothingLost(writes, applied),
    ];
  });
}

/** Lines on which one holder shuts all others out. */
function exclusiveSections(history: History): Map<string, Section[]> {
  const shared: readonly HoldOp[] = ['rwlock.read', 'semaphore.acquire'];
  const sharedLines = new Set(grantsOf(history, shared).map(({ acquire }) => acquire.object));
  const sections = sectionsOf(history, ['lock.acquire', 'rwlock.write', 'election.campaign']);
  return new Map([...sections].filter(([line]) => !sharedLines.has(line)));
}

function granted(write: Write, grants: ReturnType<typeof grantsOf>): Violation[] {
  const { process, object, input } = write;
  if (grants.length === 0) return [];
  if (grants.some(({ acquire, grant }) => acquire.process === process && grant.fence === input.fence)) return [];
  const message = `${object}: ${process} wrote with fence ${input.fence}, which it was never given`;
  return [broken('guarded-writes: own fence', message, write.invoke, write.end)];
}

/** An outside store learns of a new holder only when that one first shows its fence; etcd knows at once. */
function current(write: Write, sections: readonly Section[]): Violation[] {
  const { process, object, input } = write;
  if (input.outside === true) return [];
  const later = sections.find(({ grant, from }) => grant.fence > input.fence && from < write.from);
  if (later === undefined) return [];
  const message =
    `${object}: ${process} wrote with fence ${input.fence} when ${later.acquire.process} already held ` +
    `fence ${later.grant.fence}`;
  return [broken('guarded-writes: current', message, later.acquire.end, write.invoke, write.end)];
}

function inFenceOrder(applied: readonly Write[]): Violation[] {
  return [...groupBy(inPosition(applied), ({ input }) => input.line).values()].flatMap((writes) => {
    let highest = writes[0];
    return writes.flatMap((write) => {
      if (highest === undefined || write.input.fence >= highest.input.fence) {
        highest = write;
        return [];
      }
      const { object, input, output } = write;
      const message =
        `${object}: fence ${input.fence} wrote at ${output.position}, behind fence ${highest.input.fence} at ` +
        `${highest.output.position}`;
      return [broken('guarded-writes: in fence order', message, highest.end, write.end)];
    });
  });
}

function nothingLost(all: readonly Operation<'guarded.write'>[], applied: readonly Write[]): Violation[] {
  // A write of unknown fate may stand between two others, or may not.
  const unknown = all.filter(({ result }) => result === 'unknown' || result === 'open');
  const perhaps = new Set(unknown.map(({ input }) => plainText(input.wrote)));
  let before: Write | undefined;
  return inPosition(applied).flatMap((write) => {
    const previous = before;
    before = write;
    if (previous === undefined || write.input.saw === undefined) return [];
    if (write.output.position === previous.output.position) {
      const message = `${write.object}: two writes at position ${write.output.position}`;
      return [broken('guarded-writes: one at a time', message, previous.end, write.end)];
    }
    const saw = plainText(write.input.saw);
    if (saw === plainText(previous.input.wrote) || perhaps.has(saw)) return [];
    const message =
      `${write.object}: ${plainText(previous.input.wrote)} was overwritten by ${write.process}, who had ` +
      `seen ${saw}`;
    return [broken('guarded-writes: nothing lost', message, previous.invoke, previous.end, write.invoke, write.end)];
  });
}

function inPosition(writes: readonly Write[]): Write[] {
  return writes
    .filter(({ output }) => output.position !== undefined)
    .sort((a, b) => compareBigints(a.output.position as bigint, b.output.position as bigint));
}
