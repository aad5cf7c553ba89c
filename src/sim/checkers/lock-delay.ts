import type { History } from '../history.js';
import { drift } from './drift.js';
import { freedOf } from './freed.js';
import { factsOf, groupBy, type OkOperation, okOperationsOf } from './operations.js';
import { grantsOf, holdKey } from './sections.js';
import { broken, type Violation } from './violation.js';

type Beat = OkOperation<'lease.grant' | 'lease.keepAlive'>;

/**
 * With `lockDelayMs` the server gives the place to nobody else for that long, by the holder's clock, after its holder,
 * lost without a release, knows so. One that cannot know, since it stands still or is gone, knew it when its lease was
 * sure no more. For locks of which the server's states are recorded.
 */
export function lockDelay(history: History): Violation[] {
  const freed = freedOf(history);
  // Two locks of one process may have the same fence: places that were made in one batch.
  const losses = groupBy(factsOf(history, 'lost'), ({ object, process, data }) => holdKey(process, object, data.fence));
  const pauses = groupBy(factsOf(history, 'pause'), ({ process }) => process);
  const beats = groupBy(
    okOperationsOf(history, 'lease.grant', 'lease.keepAlive').filter(({ output }) => output.ttlMs > 0),
    ({ process, input }) => `${process}\n${input.lease}`,
  );
  return grantsOf(history, ['lock.acquire']).flatMap(({ acquire, grant }) => {
    const { object, process } = acquire;
    const delayMs = (acquire as OkOperation<'lock.acquire'>).input?.lockDelayMs;
    const gone = freed(object, grant.fence, grant.lease);
    if (!delayMs || gone === undefined || gone.excused) return [];
    const [lost] = losses.get(holdKey(process, object, grant.fence)) ?? [];
    if (lost?.data.loss === 'max-hold') return [];
    const own = beats.get(`${process}\n${grant.lease}`) ?? [];
    const beat = latest(own.filter(({ endAt }) => endAt < gone.at));
    if (beat === undefined) return [];
    const sureMs = beat.invoke.atMs + beat.output.ttlMs - delayMs;
    const knew = lost?.data.loss === 'deadline' ? lost : undefined;
    const stood = knew && pauses.get(process)?.some(({ at }) => at > beat.endAt && at < knew.at);
    const sinceMs = knew === undefined ? sureMs : stood ? Math.min(sureMs, knew.note.atMs) : knew.note.atMs;
    const afterMs = gone.note.atMs - sinceMs;
    if (afterMs >= delayMs / drift.fast) return [];
    const what = `${object}: ${process} lost fence ${grant.fence}`;
    const message = `${what}, and its place was gone ${afterMs} ms later, not ${delayMs}`;
    return [broken('lock-delay: kept', message, acquire.end, beat.invoke, lost?.note, gone.note)];
  });
}

/** The one that makes the lease sure for longest. */
function latest(beats: readonly Beat[]): Beat | undefined {
  const sureUntil = ({ invoke, output }: Beat) => invoke.atMs + output.ttlMs;
  return beats.reduce<Beat | undefined>((a, b) => (a && sureUntil(a) > sureUntil(b) ? a : b), undefined);
}
