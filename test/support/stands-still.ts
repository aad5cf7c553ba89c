import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether every thread of a process has stopped, by Linux's `/proc`; elsewhere the signal must do. */
export function standsStill(pid: number | undefined): boolean {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return true;
  return readdirSync(tasks).every((task) => {
    try {
      return /^\d+ \(.*\) [Tt] /s.test(readFileSync(join(tasks, task, 'stat'), 'utf8'));
    } catch {
      // A thread that has ended meanwhile.
      return true;
    }
  });
}
