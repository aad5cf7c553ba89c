import { type Command, Option } from 'commander';
import type { Conclave } from '../../conclave.js';
import { ConclaveError } from '../../core/errors.js';
import type { Leader } from '../../election/leader.js';
import type { Leadership } from '../../election/leadership.js';
import { withConclave } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { print, printJson } from '../output.js';
import { anyAbort, Signals } from '../signals.js';
import { durationMs, name as electionName, ttlMs, wholeNumber } from '../values.js';

interface ElectFlags extends GlobalFlags {
  readonly listen?: boolean;
  /** Milliseconds, though the flag counts in seconds. */
  readonly ttl: number;
  readonly timeout?: number;
  readonly priority?: number;
  readonly zone?: string;
  readonly preferZone?: string;
}

export function defineElect(command: Command): void {
  command
    .argument('<name>', 'the election; with a leading / the key prefix itself, as etcdctl has it', electionName)
    .argument('[value]', 'what the others see while we lead')
    .option('-l, --listen', 'print who leads, now and at every change, until a signal')
    .addOption(new Option('--ttl <seconds>', 'how long leadership outlives us').argParser(ttlMs).default(10_000, '10'))
    .addOption(new Option('--timeout <ms>', 'give up waiting after this long, as 5000 or 5s').argParser(durationMs))
    .addOption(new Option('--priority <n>', 'who stands with a higher one is to lead').argParser(wholeNumber))
    .addOption(new Option('--zone <name>', 'where we are').argParser(electionName))
    .addOption(new Option('--prefer-zone <name>', 'where the leader should be, whatever the priorities'))
    .action(async (name: string, value: string | undefined) => {
      const flags = command.optsWithGlobals<ElectFlags>();
      if (flags.listen !== true && value === undefined) {
        command.error('error: a value to stand with, or --listen', { exitCode: ExitCode.badArguments });
      }
      process.exitCode = await elect(name, flags.listen ? undefined : value, flags);
    });
}

async function elect(name: string, value: string | undefined, flags: ElectFlags): Promise<number> {
  const signals = new Signals();
  try {
    return await withConclave(flags, { ttlMs: flags.ttl, signal: signals.first }, (conclave) =>
      value === undefined ? listen(conclave, name, flags, signals) : stand(conclave, name, value, flags, signals),
    );
  } finally {
    signals[Symbol.dispose]();
  }
}

/** A signal is how listening ends. */
async function listen(conclave: Conclave, name: string, flags: ElectFlags, signals: Signals): Promise<number> {
  try {
    for await (const leader of conclave.election(name).observe({ signal: signals.first })) printLeader(leader, flags);
  } catch (error) {
    if (!signals.first.aborted) throw error;
  }
  return ExitCode.ok;
}

async function stand(
  conclave: Conclave,
  name: string,
  value: string,
  flags: ElectFlags,
  signals: Signals,
): Promise<number> {
  const leadership = await campaign(conclave, name, value, flags, signals.first);
  printLeader({ value, term: leadership.term, key: leadership.key, leaseId: leadership.leaseId }, flags);
  await anyAbort(signals.first, leadership.signal);
  signals[Symbol.dispose]();
  if (!leadership.held) {
    const { message } = ConclaveError.from(leadership.signal.reason);
    throw new CliFailure(ExitCode.lost, `leadership of ${JSON.stringify(name)} was lost: ${message}`);
  }
  await leadership.resign();
  return ExitCode.ok;
}

async function campaign(
  conclave: Conclave,
  name: string,
  value: string,
  { timeout: timeoutMs, priority, zone, preferZone }: ElectFlags,
  signal: AbortSignal,
): Promise<Leadership> {
  try {
    return await conclave.election(name).campaign(value, { signal, timeoutMs, priority, zone, preferZone });
  } catch (error) {
    if (timeoutMs === undefined || !ConclaveError.is(error, 'TIMEOUT')) throw error;
    const text = `election ${JSON.stringify(name)} is led by somebody else for ${timeoutMs} ms`;
    throw new CliFailure(ExitCode.notAcquired, text, error);
  }
}

/** etcdctl prints the key and the value, and nothing while nobody leads; JSON says `null` then. */
function printLeader(leader: Leader | null, flags: ElectFlags): void {
  if (flags.json) printJson(leader);
  else if (leader !== null) print(`${leader.key}\n${leader.value}`);
}
