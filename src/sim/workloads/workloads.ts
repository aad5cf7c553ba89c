import type { Workload } from '../workload.js';
import { lockWorkload } from './lock.js';

export const workloads: readonly Workload[] = [lockWorkload];

export function workloadOf(name: string): Workload {
  const found = workloads.find((each) => each.name === name);
  if (found === undefined) {
    throw new Error(`no workload is called ${name}: there are ${workloads.map((each) => each.name).join(', ')}`);
  }
  return found;
}
