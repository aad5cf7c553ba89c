import { type Command, Option } from 'commander';
import type { MissedPolicy, OverlapPolicy } from '../../queue/schedule.js';
import type { ScheduleInfo } from '../../queue/schedules.js';
import { runConnected } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { print, printJson } from '../output.js';
import { payloadOf } from '../payload.js';
import { duration } from '../table.js';
import { durationMs, name as queueName, wholeNumber } from '../values.js';

/** When, and what comes of what was missed. */
export interface RhythmFlags extends GlobalFlags {
  readonly cron?: string;
  readonly timeZone?: string;
  readonly every?: number;
  readonly missed?: MissedPolicy;
  readonly late?: number;
}

interface ScheduleFlags extends RhythmFlags {
  readonly overlap?: OverlapPolicy;
  readonly priority?: number;
  readonly group?: string;
}

export function rhythmOptions(): Option[] {
  return [
    new Option('--cron <expression>', 'five fields, or six with seconds in front'),
    new Option('--time-zone <name>', 'in which it is read; default UTC'),
    new Option('--every <ms>', 'instead: at its multiples since 1970, as 5m').argParser(durationMs),
    new Option('--missed <policy>', 'what comes of ticks that found nobody; default skip').choices(['skip', 'once']),
    new Option('--late <ms>', 'so late a tick is missed, as 1m').argParser(durationMs),
  ];
}

/** @throws CliFailure in the names of the flags, which the library does not know. */
export function rhythmOf({ cron, timeZone, every: everyMs, missed, late: lateMs }: RhythmFlags) {
  if ((cron === undefined) === (everyMs === undefined)) {
    throw new CliFailure(ExitCode.invalidInput, 'either --cron or --every says when');
  }
  if (timeZone !== undefined && cron === undefined) {
    throw new CliFailure(ExitCode.invalidInput, '--time-zone goes with --cron');
  }
  return { cron, timeZone, everyMs, missed, lateMs };
}

export function defineQueueSchedule(command: Command): void {
  const sub = command.command('schedule').description('add a job at each tick, from now on');
  sub
    .argument('<name>', 'the queue', queueName)
    .argument('<schedule>', 'its name; one of that name is changed')
    .argument('<payload>', 'JSON, or text');
  for (const option of rhythmOptions()) sub.addOption(option);
  sub
    .addOption(
      new Option('--overlap <policy>', 'while the last one’s job is there; default allow').choices([
        ...['allow', 'skip', 'wait'],
      ]),
    )
    .addOption(new Option('--priority <n>', 'from -999 to 999, higher goes first').argParser(wholeNumber))
    .addOption(new Option('--group <name>', 'after all earlier jobs of this group'))
    .action((name: string, schedule: string, payload: string) => {
      const flags = sub.optsWithGlobals<ScheduleFlags>();
      return runConnected(flags, async (conclave, signal) => {
        const { overlap, priority, group } = flags;
        const spec = { ...rhythmOf(flags), payload: payloadOf(payload), overlap, priority, group, signal };
        const made = await conclave.queue(name).schedule(schedule, spec);
        if (flags.json) printJson(made);
        else print(tickText(made.nextMs));
        return ExitCode.ok;
      });
    });
}

export const rhythmHeads = ['RHYTHM', 'MISSED', 'LAST', 'NEXT'] as const;

export function rhythmCells({ cron, timeZone, everyMs, missed, lastMs, nextMs }: ScheduleInfo): string[] {
  const rhythm = everyMs === undefined ? `${cron} ${timeZone}` : `every ${duration(everyMs)}`;
  return [rhythm, missed, tickText(lastMs), tickText(nextMs)];
}

export function tickText(atMs: number | undefined): string {
  return atMs === undefined ? '-' : new Date(atMs).toISOString();
}
