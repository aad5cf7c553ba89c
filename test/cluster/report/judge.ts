import * as check from '../../../src/sim/checkers/index.js';
import { factsOf } from '../../../src/sim/checkers/operations.js';
import { registrations } from '../../../src/sim/checkers/registrations.js';
import { grantsOf } from '../../../src/sim/checkers/sections.js';
import type { History, Note } from '../../../src/sim/history.js';
import { mergeHistories } from '../../../src/sim/history.js';
import type { Variant, WorkName } from '../messages.js';
import type { Witnessed } from '../witness.js';
import { withRevisions } from './queue-facts.js';
import { earlyRevocations, inTime, serverFacts } from './server-facts.js';

export interface Judgement {
  /** With what the server did. */
  readonly history: History;
  readonly violations: readonly check.Violation[];
  /** Live leases that etcd itself took away. */
  readonly early: readonly Note[];
}

/** The search for an order grows fast: a second opinion on short histories only. */
const searchGrantsMax = 1500;

const always: readonly check.Checker[] = [check.noHangingPromise, check.nothingLeft, unexpectedErrors];
const held: readonly check.Checker[] = [check.fenceGrowth, check.heldInTime, ...always];
const locks: readonly check.Checker[] = [check.mutualExclusion, check.guardedWrites, ...held];

const checkers: Readonly<Record<WorkName, readonly check.Checker[]>> = {
  lock: locks,
  outside: locks,
  shared: [check.rwlock, check.semaphore, check.guardedWrites, ...held],
  election: [check.election, check.guardedWrites, ...held],
  queue: [check.queue, check.heldInTime, ...always],
  schedule: [check.queue, check.schedule, check.heldInTime, ...always],
  ephemeral: [check.ephemeral, registrations, ...always],
  registry: [check.convergence, registrations, check.heldInTime, ...always],
  config: [check.convergence, check.heldInTime, ...always],
  cache: [check.convergence, check.cache, ...always],
  barrier: [check.barrier, ...always],
  counter: [check.sequences, check.limits, ...always],
  // When an item was asked for is not known: nothing is said of fences from one request to the next.
  partition: [check.mutualExclusion, check.guardedWrites, check.heldInTime, ...always],
  stm: [check.stm, ...always],
  kv: [check.kvLinearizable, check.noHangingPromise, unexpectedErrors],
};

/** All promises of a work, judged by its history and by what the witness saw. */
export function judge(history: History, events: readonly Witnessed[], work: WorkName, variant: Variant): Judgement {
  const early = earlyRevocations(history, events);
  const told = work === 'queue' ? withRevisions(history, events) : history;
  const whole = mergeHistories(told, serverFacts(events, work, history), inTime(early));
  // An outside store that asks for no fence keeps no promise; what it loses is counted instead.
  const used = variant === 'unfenced' ? checkers[work].filter((each) => each !== check.guardedWrites) : checkers[work];
  const violations = used.flatMap((checker) => checker(whole));
  if (grantsOf(whole, ['lock.acquire']).length <= searchGrantsMax) {
    violations.push(...check.linearizableLocks(whole));
  }
  return { history: whole, violations, early };
}

/** Every failure of a call is of a kind that an outage explains. */
function unexpectedErrors(history: History): check.Violation[] {
  return factsOf(history, 'unexpected').map(({ note, process, data }) => ({
    rule: 'unexpected error',
    verdict: 'broken',
    message: `${process}: ${String(data).split('\n')[0]}`,
    entries: [note],
  }));
}
