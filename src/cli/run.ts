import { Command, CommanderError } from 'commander';
import { version } from '../core/version.js';
import { type CommandEntry, commandTable } from './command-table.js';
import { ExitCode, exitCodeOf } from './exit-code.js';
import { addGlobalFlags } from './global-flags.js';
import { complain } from './output.js';

/** Runs one command line; resolves when all that it held is given back, with `process.exitCode` set. Never rejects. */
export async function run(args: readonly string[]): Promise<void> {
  try {
    const program = newProgram();
    for (const entry of commandTable) await addCommand(program, entry, args);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? usageExitCode(error) : failed(error);
  }
}

function newProgram(): Command {
  const program = new Command('conclave')
    .description('Locks and leader election on etcd, and a server that speaks its API.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (text) => complain(text.replace(/^error: /, '')) })
    .showSuggestionAfterError();
  return addGlobalFlags(program);
}

/** A word of `args` may be a flag's value and no command: that loads one module too many, and changes nothing else. */
async function addCommand(
  program: Command,
  { name, summary, load }: CommandEntry,
  args: readonly string[],
): Promise<void> {
  const command = program.command(name).description(summary);
  if (args.includes(name)) (await load())(command);
}

/** Commander has printed it already. */
function usageExitCode(error: CommanderError): ExitCode {
  if (error.exitCode === 0) return ExitCode.ok;
  return error.code === 'commander.invalidArgument' ? ExitCode.invalidInput : ExitCode.badArguments;
}

function failed(error: unknown): ExitCode {
  complain(error instanceof Error ? error.message : String(error));
  return exitCodeOf(error);
}
