import { showViolation } from './checkers/violation.js';
import { clientsDefault } from './draw-plan.js';
import { type Entry, encodeEntry } from './history.js';
import { type Plan, sizeOf } from './plan.js';
import type { SeedResult } from './run-seed.js';

/** For people: what failed, what it takes to fail, and the command that shows it again. */
export function failureReport(failed: SeedResult, shrunk: Plan | undefined): string {
  const { seed, workload } = failed.plan;
  return [
    `FAILED seed ${seed}, workload ${workload}, trace ${failed.traceHash}`,
    ...failed.violations.slice(0, 3).map(showViolation),
    ...(failed.violations.length > 3 ? [`... and ${failed.violations.length - 3} more violations`] : []),
    `plan: ${planText(failed.plan)}`,
    ...(shrunk === undefined ? [] : [`shrunk to ${planText(shrunk)}`]),
    `replay: ${replayCommand(seed, workload, failed.plan.scripts.length)}`,
  ].join('\n');
}

export function replayCommand(seed: number, workload: string, clients = clientsDefault): string {
  const others = clients === clientsDefault ? '' : ` --clients ${clients}`;
  return `npm run sim -- --seed ${seed} --workload ${workload}${others}`;
}

export function planText(plan: Plan): string {
  const { faults, operations } = sizeOf(plan);
  return `${faults} faults, ${operations} operations: ${JSON.stringify(plan)}`;
}

/** One line per entry of the history, in columns. */
export function entryLine(entry: Entry): string {
  const time = entry.atMs.toFixed(3).padStart(11);
  const who = entry.process.padEnd(8);
  if (entry.type === 'note') return `${time} ${who} ${entry.object} ${entry.fact} ${compact(entry)}`;
  if (entry.type === 'invoke') return `${time} ${who} #${entry.id} ${entry.op} ${entry.object} ${compact(entry)}`;
  return `${time} ${who} #${entry.id} ${entry.type} ${compact(entry)}`;
}

function compact(entry: Entry): string {
  const { data, input, output, error } = JSON.parse(encodeEntry(entry)) as Record<string, unknown>;
  const shown = data ?? input ?? output ?? error ?? null;
  return shown === null ? '' : JSON.stringify(shown);
}
