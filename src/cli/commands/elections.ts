import type { Command } from 'commander';
import type { Conclave } from '../../conclave.js';
import type { Leader } from '../../election/leader.js';
import { runConnected } from '../connection.js';
import { ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { print, printJson } from '../output.js';
import { type Cell, printable, table } from '../table.js';
import { name as electionName } from '../values.js';

export function defineElections(command: Command): void {
  const list = command.command('ls').description('every election in which somebody stands, with its leader');
  list
    .argument('[prefix]', 'of the names; with a leading / of the keys themselves, foreign ones included')
    .action((prefix: string | undefined) =>
      run(list.optsWithGlobals<GlobalFlags>(), (conclave, signal) =>
        ls(conclave, prefix, list.optsWithGlobals<GlobalFlags>(), signal),
      ),
    );

  const watch = command.command('watch').description('who leads, now and at every change, until a signal');
  watch
    .argument('<name>', 'the election; with a leading / the key prefix itself, as etcdctl has it', electionName)
    .action((name: string) =>
      run(watch.optsWithGlobals<GlobalFlags>(), (conclave, signal) =>
        follow(conclave, name, watch.optsWithGlobals<GlobalFlags>(), signal),
      ),
    );
}

async function run(
  flags: GlobalFlags,
  work: (conclave: Conclave, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await runConnected(flags, async (conclave, signal) => {
    await work(conclave, signal);
    return ExitCode.ok;
  });
}

async function ls(
  conclave: Conclave,
  prefix: string | undefined,
  flags: GlobalFlags,
  signal: AbortSignal,
): Promise<void> {
  const rows: Cell[][] = [];
  for await (const election of conclave.elections.list(prefix, { signal })) {
    const { name, leader, candidates } = election;
    if (flags.json) printJson(election);
    else rows.push([name, leader.value, leader.term, rankText(leader), leader.leaseId.toString(16), candidates.length]);
  }
  if (!flags.json) print(table(['NAME', 'LEADER', 'TERM', 'RANK', 'LEASE', 'WAITING'], rows));
}

/** A signal is how watching ends. */
async function follow(conclave: Conclave, name: string, flags: GlobalFlags, signal: AbortSignal): Promise<void> {
  try {
    for await (const leader of conclave.election(name).observe({ signal })) {
      if (flags.json) printJson(leader);
      else print(leader === null ? 'nobody leads' : `${printable(leader.value)} leads in term ${leader.term}`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** `5`, `5 in eu-1`; `*` for the zone that is preferred. */
function rankText({ priority, zone, preferred }: Leader): string | undefined {
  if (priority === undefined) return undefined;
  return `${priority}${zone === undefined ? '' : ` in ${zone}`}${preferred ? ' *' : ''}`;
}
