import type { Workload } from '../workload.js';
import { barrierWorkload } from './barrier.js';
import { cacheWorkload } from './cache.js';
import { configWorkload } from './config.js';
import { counterWorkload } from './counter.js';
import { electionWorkload } from './election.js';
import { ephemeralWorkload } from './ephemeral.js';
import { kvWorkload } from './kv.js';
import { leaseWorkload } from './lease.js';
import { lockCrowdWorkload, lockHeadsWorkload, lockWorkload, unfencedWorkload } from './lock.js';
import { partitionWorkload } from './partition.js';
import { queueClaimsWorkload, queueSwitchWorkload, queueWorkload } from './queue.js';
import { queueKeysWorkload } from './queue-keys.js';
import { registryWorkload } from './registry.js';
import { scheduleWorkload } from './schedule.js';
import { sharedLocksWorkload } from './shared-locks.js';
import { stmWorkload } from './stm.js';
import { webLocksWorkload } from './web-locks.js';

export const workloads: readonly Workload[] = [
  lockWorkload,
  electionWorkload,
  kvWorkload,
  leaseWorkload,
  queueWorkload,
  registryWorkload,
  configWorkload,
  sharedLocksWorkload,
  lockCrowdWorkload,
  lockHeadsWorkload,
  webLocksWorkload,
  barrierWorkload,
  counterWorkload,
  stmWorkload,
  partitionWorkload,
  scheduleWorkload,
  cacheWorkload,
  ephemeralWorkload,
  queueClaimsWorkload,
  queueSwitchWorkload,
  queueKeysWorkload,
];

/** Runs that must fail, or their checkers prove nothing. */
export const controls: readonly Workload[] = [unfencedWorkload];

export function workloadOf(name: string): Workload {
  const found = [...workloads, ...controls].find((each) => each.name === name);
  if (found === undefined) {
    throw new Error(`no workload is called ${name}: there are ${workloads.map((each) => each.name).join(', ')}`);
  }
  return found;
}
