import { drawPlan } from './draw-plan.js';
import type { Plan } from './plan.js';
import { entryLine, failureReport } from './report.js';
import { runPlan, type SeedResult } from './run-seed.js';
import { shrink } from './shrink.js';
import { TraceHash } from './trace.js';
import { workloadOf, workloads } from './workloads/workloads.js';

export interface SimOptions {
  /** Replays this one. */
  readonly seed?: number | undefined;
  /** Runs so many from `from` on, going round the workloads. Default: 100. */
  readonly seeds?: number | undefined;
  /** Default: 1. */
  readonly from?: number | undefined;
  /** Default: all; for a replay the one that the seed belongs to. */
  readonly workload?: string | undefined;
  /** Default: 4. */
  readonly clients?: number | undefined;
  /** A plan of one's own, in place of the seed's. */
  readonly plan?: Plan | undefined;
  /** With a replay: every event, not only the history. */
  readonly events?: boolean | undefined;
  /** Failures after which it stops. Default: 5. */
  readonly maxFailures?: number | undefined;
}

export interface SimHost {
  print(line: string): void;
  /** Milliseconds of real time, for the figure in the summary. */
  nowMs(): number;
  /** Told before each seed: whoever finds a rejection that nobody handled knows where it comes from. */
  begins?(seed: number, workload: string): void;
}

/** A line for those who wait. */
const progressEvery = 10_000;

/** The workload of a seed where none is named: every seed has one. */
export function workloadOfSeed(seed: number): string {
  return (workloads[seed % workloads.length] ?? workloadOf('lock')).name;
}

/** What `npm run sim` does; resolves to the exit code. The last line is the summary. */
export async function sim(options: SimOptions, host: SimHost): Promise<number> {
  if (options.seed !== undefined || options.plan !== undefined) return replay(options, host);
  const { seeds = 100, from = 1, maxFailures = 5, clients } = options;
  const startedMs = host.nowMs();
  let [ran, failures, events, simMs] = [0, 0, 0, 0];
  // Over all seeds: the same on every machine and every version of Node.
  const trace = new TraceHash();
  for (let seed = from; seed < from + seeds && failures < maxFailures; seed++) {
    const name = options.workload ?? workloadOfSeed(seed);
    host.begins?.(seed, name);
    const result = await runPlan(drawPlan(seed, workloadOf(name), { clients }));
    ran += 1;
    events += result.events;
    trace.word(result.traceHash);
    simMs += result.simMs;
    if (ran % progressEvery === 0 && ran < seeds) host.print(`... ${ran} seeds, ${failures} failures`);
    if (result.ok) continue;
    failures += 1;
    const { result: smaller } = await shrink(result);
    host.print(failureReport(result, smaller.plan));
  }
  const seconds = (host.nowMs() - startedMs) / 1000;
  const rate = Math.round(ran / seconds);
  const figures = `${rate} seeds/s, ${events} events, ${(simMs / 3_600_000).toFixed(1)} simulated hours`;
  host.print(`sim: ${ran} seeds, ${failures} failures, ${figures}, ${seconds.toFixed(1)} s, trace ${trace.digest}`);
  return failures === 0 ? 0 : 1;
}

async function replay(options: SimOptions, host: SimHost): Promise<number> {
  const { seed = 0, workload = workloadOfSeed(seed) } = options;
  const plan = options.plan ?? drawPlan(seed, workloadOf(workload), { clients: options.clients });
  host.print(`plan: ${JSON.stringify(plan)}`);
  host.begins?.(plan.seed, plan.workload);
  const events: { readonly atMs: number; readonly line: string }[] = [];
  const result = await runPlan(plan, (atMs, process, kind) => {
    if (options.events) events.push({ atMs, line: `${atMs.toFixed(3).padStart(11)} ${process.padEnd(8)}   . ${kind}` });
  });
  for (const line of tale(result, events)) host.print(line);
  if (!result.ok) host.print(failureReport(result, undefined));
  const failures = result.ok ? 0 : 1;
  const figures = `trace ${result.traceHash}, ${result.events} events, ${Math.round(result.simMs)} simulated ms`;
  host.print(`sim: 1 seeds, ${failures} failures, ${figures}`);
  return failures;
}

/** History and events in order of time. */
function* tale(
  result: SeedResult,
  events: readonly { readonly atMs: number; readonly line: string }[],
): Generator<string> {
  let next = 0;
  for (const entry of result.history) {
    for (let event = events[next]; event !== undefined && event.atMs <= entry.atMs; event = events[next]) {
      yield event.line;
      next += 1;
    }
    yield entryLine(entry);
  }
  for (const { line } of events.slice(next)) yield line;
}
