import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Conclave } from '../../conclave.js';
import { ConclaveError } from '../../core/errors.js';
import { type JobInfo, type JobState, jobStates } from '../../queue/admin.js';
import type { Queue } from '../../queue/queue.js';
import { runConnected } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { payloadOf } from '../payload.js';
import { duration, table } from '../table.js';
import { count, durationMs, name as queueName, ttlMs, wholeNumber } from '../values.js';
import { defineQueueSchedule, rhythmCells, rhythmHeads } from './queue-schedule.js';
import { type WorkFlags, work } from './queue-work.js';

interface PushFlags extends GlobalFlags {
  readonly priority?: number;
  readonly delay?: number;
  readonly dedupeKey?: string;
  readonly group?: string;
  readonly wait?: number;
  readonly maxAttempts?: number;
}

interface ListFlags extends GlobalFlags {
  readonly state?: readonly JobState[];
  readonly limit?: number;
  readonly all?: boolean;
}

/** What a subcommand does with its queue; resolves to what is told of it. */
type Ask = (queue: Queue, rest: readonly string[], flags: ListFlags, signal: AbortSignal) => Promise<void>;

export function defineQueue(command: Command): void {
  definePush(command);
  defineWork(command);
  const states = () =>
    new Option('--state <states...>', 'of these states only').argParser((text, before: JobState[] | undefined) => [
      ...(before ?? []),
      stateOf(text),
    ]);
  const limit = () => new Option('--limit <n>', 'of each state').argParser(count).default(100);
  add(command, 'ls <name>', 'list jobs, those whose turn comes first', ls, [states(), limit()]);
  add(command, 'dead <name>', 'list dead letters, with the reason', dead, [limit()]);
  add(command, 'stats <name>', 'how many jobs of each state, and the age of the oldest that is not dead', stats);
  const all = new Option('--all', 'every dead letter there is');
  add(command, 'redrive <name> [ids...]', 'put dead letters back, with all their attempts', redrive, [all]);
  add(command, 'cancel <name> <ids...>', 'take jobs away for good, whatever their state', cancel);
  add(command, 'pause <name>', 'hand out nothing more until resume', pause);
  add(command, 'resume <name>', 'hand out jobs again', resume);
  defineQueueSchedule(command);
  add(command, 'schedules <name>', 'list what adds jobs by the clock', schedules);
  add(command, 'unschedule <name> <schedule>', 'end a schedule', unschedule);
  add(command, 'purge <name>', 'take away every job that is in nobody’s hands', purge, [states()]);
}

function add(command: Command, usage: string, what: string, ask: Ask, options: readonly Option[] = []): void {
  const sub = command.command(usage).description(what);
  for (const option of options) sub.addOption(option);
  sub.action((name: string, ids: unknown) => {
    const flags = sub.optsWithGlobals<ListFlags>();
    return runConnected(flags, async (conclave, signal) => {
      const rest = Array.isArray(ids) ? (ids as string[]) : typeof ids === 'string' ? [ids] : [];
      await ask(conclave.queue(queueName(name)), rest, flags, signal);
      return ExitCode.ok;
    });
  });
}

function definePush(command: Command): void {
  const push = command.command('push').description('add a job, or one per line of stdin');
  push
    .argument('<name>', 'the queue', queueName)
    .argument('[payload]', 'JSON, or text; - or none: each line of stdin is a job')
    .addOption(new Option('--priority <n>', 'from -999 to 999, higher goes first').argParser(wholeNumber))
    .addOption(new Option('--delay <ms>', 'hand it out no sooner, as 5000 or 5s').argParser(durationMs))
    .addOption(new Option('--dedupe-key <key>', 'unless a job of this key is in the queue'))
    .addOption(new Option('--max-attempts <n>', 'before it is a dead letter; default 5').argParser(count))
    .addOption(new Option('--group <name>', 'after all earlier jobs of this group'))
    .addOption(
      new Option('--wait <ms>', 'until it is done or dead, print its outcome; 75 when it takes longer').argParser(
        durationMs,
      ),
    )
    .action((name: string, payload: string | undefined) => {
      const flags = push.optsWithGlobals<PushFlags>();
      return runConnected(flags, (conclave, signal) => pushAll(conclave, name, payload, flags, signal));
    });
}

function defineWork(command: Command): void {
  const sub = command.command('work').description('run a command for one job after the other');
  sub
    .usage('[options] <name> -- command args…')
    .argument('<name>', 'the queue', queueName)
    .argument('<command...>', 'gets $CONCLAVE_JOB, the payload as JSON; exit code 0: the job is done')
    .addOption(new Option('--concurrency <n>', 'commands that run at once').argParser(count).default(1));
  for (const option of workOptions()) sub.addOption(option);
  sub.action(async (name: string, words: string[]) => {
    const flags = sub.optsWithGlobals<WorkFlags & { readonly concurrency: number }>();
    const { concurrency } = flags;
    process.exitCode = await work(words, flags, (conclave, handle, options) =>
      conclave.queue(name).consume(handle, { ...options, concurrency }),
    );
  });
}

/** Of every command that runs one for each job. */
export function workOptions(): Option[] {
  return [
    new Option('--ttl <seconds>', 'how soon others get our job').argParser(ttlMs).default(10_000, '10'),
    new Option('--count <n>', 'end after so many jobs; default: at a signal').argParser(count),
    new Option('--time-limit <ms>', 'for one job').argParser(durationMs).default(600_000, '10m'),
    new Option('--kill-after <ms>', 'from SIGTERM to SIGKILL when the job is lost or out of time')
      .argParser(durationMs)
      .default(4000, '4s'),
  ];
}

async function pushAll(
  conclave: Conclave,
  name: string,
  payload: string | undefined,
  flags: PushFlags,
  signal: AbortSignal,
): Promise<ExitCode> {
  const queue = conclave.queue(name, { maxAttempts: flags.maxAttempts });
  if (payload !== undefined && payload !== '-') {
    await pushOne(queue, payload, flags, signal);
    return ExitCode.ok;
  }
  for await (const line of createInterface({ input: process.stdin })) {
    if (line !== '') await pushOne(queue, line, flags, signal);
  }
  return ExitCode.ok;
}

async function pushOne(queue: Queue, text: string, flags: PushFlags, signal: AbortSignal): Promise<void> {
  const { priority, delay: delayMs, dedupeKey, group, wait } = flags;
  const keepResultMs = wait === undefined ? undefined : 60_000;
  try {
    const added = await queue.enqueue(payloadOf(text), { priority, delayMs, dedupeKey, group, keepResultMs, signal });
    if (wait === undefined) return report(added, added.id, flags);
    const outcome = await queue.result(added.id, { timeoutMs: wait, signal });
    report({ ...added, ...outcome }, outcome.state, flags);
    if (outcome.state === 'dead') throw new CliFailure(ExitCode.error, `job ${added.id}: ${outcome.reason}`);
  } catch (error) {
    const isBusy =
      ConclaveError.is(error, 'RESOURCE_EXHAUSTED') || (wait !== undefined && ConclaveError.is(error, 'TIMEOUT'));
    if (isBusy) throw new CliFailure(ExitCode.notAcquired, (error as ConclaveError).message, error);
    throw error;
  }
}

const ls: Ask = async (queue, _, flags, signal) => {
  const lists = (flags.state ?? jobStates).map((state) => queue.list(state, { limit: flags.limit, signal }));
  const jobs = (await Promise.all(lists)).flat();
  if (flags.json) return printLines(jobs);
  const rows = jobs.map((job) => [
    ...cellsOf(job),
    job.group,
    job.progress === undefined ? undefined : brief(job.progress),
    brief(job.payload),
  ]);
  print(table(['ID', 'STATE', 'PRIORITY', 'ATTEMPTS', 'AGE', 'GROUP', 'PROGRESS', 'PAYLOAD'], rows));
};

const dead: Ask = async (queue, _, flags, signal) => {
  const jobs = await queue.list('dead', { limit: flags.limit, signal });
  if (flags.json) return printLines(jobs);
  const rows = jobs.map((job) => [...cellsOf(job), brief(job.reason ?? ''), brief(job.payload)]);
  print(table(['ID', 'STATE', 'PRIORITY', 'ATTEMPTS', 'AGE', 'REASON', 'PAYLOAD'], rows));
};

const stats: Ask = async (queue, _, flags, signal) => {
  const found = await queue.stats({ signal });
  if (flags.json) return printJson(found);
  const { oldestMs, paused } = found;
  const oldest = oldestMs === undefined ? undefined : duration(oldestMs);
  const row = [...jobStates.map((state) => found[state]), oldest, paused ? 'yes' : 'no'];
  print(table([...jobStates.map((state) => state.toUpperCase()), 'OLDEST', 'PAUSED'], [row]));
};

const redrive: Ask = async (queue, ids, flags, signal) => {
  if (flags.all !== true && ids.length === 0) throw new CliFailure(ExitCode.invalidInput, 'give ids, or --all');
  const chosen = flags.all ? (await queue.list('dead', { limit: 1_000_000, signal })).map(({ id }) => id) : ids;
  let refused = 0;
  for (const id of chosen) {
    try {
      const done = await queue.redrive(id, { signal });
      if (done) report({ id, redriven: true }, id, flags);
      else if (flags.all !== true) throw new CliFailure(ExitCode.error, `no dead letter has the id ${id}`);
    } catch (error) {
      // Another job of its dedupe key is there: that keeps no other from its turn.
      if (flags.all !== true || !ConclaveError.is(error, 'CONFLICT')) throw error;
      complain(error.message);
      refused += 1;
    }
  }
  if (refused > 0) throw new CliFailure(ExitCode.error, `dead letters that stay: ${refused}`);
};

const cancel: Ask = async (queue, ids, flags, signal) => {
  for (const id of ids) {
    if (!(await queue.cancel(id, { signal }))) throw new CliFailure(ExitCode.error, `no job has the id ${id}`);
    report({ id, cancelled: true }, id, flags);
  }
};

const pause: Ask = async (queue, _, flags, signal) => {
  await queue.pause({ signal });
  report({ name: queue.name, paused: true }, 'paused', flags);
};

const resume: Ask = async (queue, _, flags, signal) => {
  await queue.resume({ signal });
  report({ name: queue.name, paused: false }, 'resumed', flags);
};

const purge: Ask = async (queue, _, flags, signal) => {
  const purged = await queue.purge({ states: flags.state, signal });
  report({ name: queue.name, purged }, `${purged}`, flags);
};

const schedules: Ask = async (queue, _, flags, signal) => {
  const found = await queue.schedules({ signal });
  if (flags.json) {
    for (const each of found) printJson(each);
    return;
  }
  const rows = found.map((each) => [each.name, ...rhythmCells(each), each.overlap, brief(each.payload)]);
  print(table(['SCHEDULE', ...rhythmHeads, 'OVERLAP', 'PAYLOAD'], rows));
};

const unschedule: Ask = async (queue, [name = ''], flags, signal) => {
  if (!(await queue.unschedule(name, { signal })))
    throw new CliFailure(ExitCode.error, `no schedule is called ${name}`);
  report({ name, ended: true }, name, flags);
};

function cellsOf({ id, state, priority, attempts, maxAttempts, enqueuedMs }: JobInfo) {
  return [id, state, priority, `${attempts}/${maxAttempts}`, duration(Math.max(0, Date.now() - enqueuedMs))];
}

function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function stateOf(text: string): JobState {
  const state = jobStates.find((each) => each === text);
  if (state === undefined) throw new InvalidArgumentError(`Not one of ${jobStates.join(', ')}.`);
  return state;
}

function printLines(jobs: readonly JobInfo[]): void {
  for (const job of jobs) printJson(job);
}

function report(value: object, text: string, flags: GlobalFlags): void {
  if (flags.json) printJson(value);
  else print(text);
}
