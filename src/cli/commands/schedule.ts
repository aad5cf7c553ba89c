import { type Command, Option } from 'commander';
import type { ScheduleState } from '../../schedule/schedule.js';
import { runConnected } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { print, printJson } from '../output.js';
import { table } from '../table.js';
import { count, name as scheduleName } from '../values.js';
import { workOptions } from './queue.js';
import { type RhythmFlags, rhythmOf, rhythmOptions, tickText } from './queue-schedule.js';
import { type WorkFlags, work } from './queue-work.js';

type RunFlags = WorkFlags & RhythmFlags & { readonly maxAttempts?: number };

export function defineSchedule(command: Command): void {
  defineRun(command);
  const show = command.command('show').description('the next tick, the last one, and what runs');
  show.argument('<name>', 'the schedule', scheduleName).action((name: string) => {
    const flags = show.optsWithGlobals<GlobalFlags>();
    return runConnected(flags, async (conclave, signal) => {
      const state = await conclave.schedule(name).state({ signal });
      if (state === null) throw new CliFailure(ExitCode.error, `no schedule is called ${name}`);
      if (flags.json) printJson(state);
      else print(showState(state));
      return ExitCode.ok;
    });
  });
  const rm = command.command('rm').description('end a schedule, until somebody runs it again');
  rm.argument('<name>', 'the schedule', scheduleName).action((name: string) => {
    const flags = rm.optsWithGlobals<GlobalFlags>();
    return runConnected(flags, async (conclave, signal) => {
      const was = await conclave.schedule(name).delete({ signal });
      if (!was) throw new CliFailure(ExitCode.error, `no schedule is called ${name}`);
      if (flags.json) printJson({ name, ended: true });
      else print(name);
      return ExitCode.ok;
    });
  });
}

function defineRun(command: Command): void {
  const run = command.command('run').description('run a command at each tick, on one of all hosts that say so');
  run
    .usage('[options] <name> -- command args…')
    .argument('<name>', 'the schedule', scheduleName)
    .argument('<command...>', 'gets $CONCLAVE_JOB_TICK; exit code 0: the run is done');
  const options = [...rhythmOptions(), ...workOptions()];
  for (const option of options) run.addOption(option);
  run
    .addOption(new Option('--max-attempts <n>', 'runs for one tick; 1: at most once; default 5').argParser(count))
    .action(async (name: string, words: string[]) => {
      const flags = run.optsWithGlobals<RunFlags>();
      const terms = { ...rhythmOf(flags), maxAttempts: flags.maxAttempts };
      process.exitCode = await work(words, flags, (conclave, handle, works) =>
        conclave.schedule(name, terms).run(handle, works),
      );
    });
}

function showState({ nextMs, lastMs, running, failed }: ScheduleState): string {
  const now = running === undefined ? '-' : `${tickText(running.tickMs)}, attempt ${running.attempts}`;
  const bad = failed === undefined ? '-' : `${tickText(failed.tickMs)}: ${failed.reason}`;
  return table(['NEXT', 'LAST', 'RUNNING', 'FAILED'], [[tickText(nextMs), tickText(lastMs), now, bad]]);
}
