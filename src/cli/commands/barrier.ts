import { type Command, Option } from 'commander';
import type { Conclave } from '../../conclave.js';
import { ConclaveError } from '../../core/errors.js';
import { runConnected } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { print, printJson } from '../output.js';
import { name as barrierName, count, durationMs } from '../values.js';

interface WaitFlags extends GlobalFlags {
  readonly parties?: number;
  readonly timeout?: number;
}

export function defineBarrier(command: Command): void {
  const wait = command.command('wait').description('wait until a barrier is open, or until all parties wait');
  wait
    .argument('<name>', 'the barrier', barrierName)
    .addOption(new Option('--parties <n>', 'wait for each other, so many; print who came first as 0').argParser(count))
    .addOption(new Option('--timeout <ms>', 'give up waiting after this long, as 5000 or 5s').argParser(durationMs))
    .action((name: string) => {
      const flags = wait.optsWithGlobals<WaitFlags>();
      return runConnected(flags, (conclave, signal) => waitAt(conclave, name, flags, signal));
    });
  for (const [word, done, what] of [
    ['raise', 'raised', 'close a barrier, until somebody lifts it'],
    ['lift', 'lifted', 'open a barrier for all who wait'],
  ] as const) {
    const sub = command.command(word).description(what);
    sub.argument('<name>', 'the barrier', barrierName).action((name: string) =>
      runConnected(sub.optsWithGlobals<GlobalFlags>(), async (conclave, signal) => {
        const barrier = conclave.barrier(name);
        const changed = await (word === 'raise'
          ? barrier.raise({ persistent: true, signal })
          : barrier.lift({ signal }));
        report({ name, changed }, changed ? done : 'was so already', sub.optsWithGlobals<GlobalFlags>());
        return ExitCode.ok;
      }),
    );
  }
}

async function waitAt(conclave: Conclave, name: string, flags: WaitFlags, signal: AbortSignal): Promise<ExitCode> {
  const { parties, timeout: timeoutMs } = flags;
  try {
    if (parties === undefined) await conclave.barrier(name).wait({ signal, timeoutMs });
    else {
      const place = await conclave.cyclicBarrier(name, { parties }).wait({ signal, timeoutMs });
      report({ name, parties, place }, `${place}`, flags);
    }
    return ExitCode.ok;
  } catch (error) {
    if (ConclaveError.is(error, 'TIMEOUT')) throw new CliFailure(ExitCode.notAcquired, error.message, error);
    throw error;
  }
}

function report(value: object, text: string, flags: GlobalFlags): void {
  if (flags.json) printJson(value);
  else print(text);
}
