import type { Command } from 'commander';
import type { Conclave } from '../../conclave.js';
import type { InspectedPlace, LockState } from '../../inspect/inspect.js';
import type { LockPlace } from '../../inspect/line-state.js';
import type { WaitForGraph } from '../../inspect/wait-for.js';
import type { SemaphorePlace } from '../../semaphore/inspect.js';
import { runConnected } from '../connection.js';
import { ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { type Cell, duration, printable, table } from '../table.js';
import { fence, name as lockName } from '../values.js';

interface OneFlags extends GlobalFlags {
  readonly semaphore?: boolean;
}

interface BreakFlags extends OneFlags {
  readonly ifFence: bigint;
}

/** What a subcommand does; resolves to the exit code. */
type Work = (conclave: Conclave, signal: AbortSignal) => Promise<ExitCode>;

export function defineLocks(command: Command): void {
  const prefix = ['[prefix]', 'of the names; with a leading / of the keys themselves, foreign ones included'] as const;
  const name = ['<name>', 'the lock; with a leading / the key prefix itself, as etcdctl has it', lockName] as const;
  const semaphore = ['--semaphore', 'the name is that of a semaphore'] as const;
  const flagsOf = <F extends GlobalFlags>(sub: Command) => sub.optsWithGlobals<F>();

  const list = command.command('ls').description('every lock with its holder and how many wait');
  list.argument(...prefix).action((given: string | undefined) => runConnected(flagsOf(list), ls(given, flagsOf(list))));

  const inspect = command.command('inspect').description('who holds a lock and who waits, in order');
  inspect
    .argument(...name)
    .option(...semaphore)
    .action((given: string) => {
      const flags = flagsOf<OneFlags>(inspect);
      return runConnected(flags, flags.semaphore ? inspectPermits(given, flags) : inspectOne(given, flags));
    });

  const breaking = command.command('break').description('take a lock away from the holder with this fence');
  breaking
    .argument(...name)
    .option(...semaphore)
    .requiredOption('--if-fence <n>', 'the fence of the holder that is meant, as inspect shows it', fence)
    .action((given: string) => runConnected(flagsOf(breaking), breakOne(given, flagsOf<BreakFlags>(breaking))));

  const graph = command.command('graph').description('who waits for whom, and who waits in a circle');
  graph
    .argument(...prefix)
    .action((given: string | undefined) => runConnected(flagsOf(graph), waits(given, flagsOf(graph))));
}

function ls(prefix: string | undefined, flags: GlobalFlags): Work {
  return async (conclave, signal) => {
    const rows: Cell[][] = [];
    for await (const line of conclave.locks.list(prefix, { signal })) {
      const { holder } = line;
      if (flags.json) printJson(line);
      else rows.push([line.name, line.type, line.holders, ...ownerCells(holder), line.waiters]);
    }
    if (!flags.json) print(table(['NAME', 'TYPE', 'HOLD', 'HOLDER', 'LABEL', 'FENCE', 'AGE', 'WAIT'], rows));
    return ExitCode.ok;
  };
}

function inspectOne(name: string, flags: GlobalFlags): Work {
  return async (conclave, signal) => {
    const state = await conclave.inspectLock(name, { signal });
    if (flags.json) printJson(state);
    else print(table(['', 'OWNER', 'LABEL', 'FENCE', 'AGE', 'LEASE', 'TTL', 'LEFT'], placeRows(state)));
    return ExitCode.ok;
  };
}

function placeRows({ holders, waiters }: LockState): Cell[][] {
  const row = (role: string, place: InspectedPlace): Cell[] => [
    `${role}, ${place.mode}s${place.callers === undefined ? '' : `, for ${place.callers}`}`,
    ...ownerCells(place),
    place.leaseId.toString(16),
    place.lease && duration(place.lease.grantedMs),
    place.lease && duration(place.lease.remainingMs),
  ];
  return [...holders.map((each) => row('holds', each)), ...waiters.map((each) => row('waits', each))];
}

function inspectPermits(name: string, flags: GlobalFlags): Work {
  return async (conclave, signal) => {
    // How many it has tell those who use it.
    const state = await conclave.semaphore(name, { permits: 1 }).inspect({ signal });
    const row = (role: string) => (place: SemaphorePlace) => [
      role,
      ...ownerCells(place),
      place.permits,
      place.leaseId.toString(16),
    ];
    const rows = [...state.holders.map(row('holds')), ...state.waiters.map(row('waits'))];
    if (flags.json) printJson(state);
    else print(table(['', 'OWNER', 'LABEL', 'FENCE', 'AGE', 'PERMITS', 'LEASE'], rows));
    return ExitCode.ok;
  };
}

function breakOne(name: string, flags: BreakFlags): Work {
  return async (conclave, signal) => {
    const { ifFence, semaphore } = flags;
    const type = semaphore ? 'semaphore' : 'lock';
    const what = `${type} ${JSON.stringify(name)}`;
    const broken = await conclave.breakLock(name, { ifFence, type, signal });
    if (flags.json) printJson({ name, fence: ifFence, broken });
    else if (broken) print(`${what}: the holder with fence ${ifFence} holds it no more`);
    if (broken) return ExitCode.ok;
    complain(`${what}: nobody holds it with fence ${ifFence}, nothing was broken`);
    return ExitCode.staleFence;
  };
}

/** The circles go to stdout as well: they are what was asked for. */
function waits(prefix: string | undefined, flags: GlobalFlags): Work {
  return async (conclave, signal) => {
    const graph = await conclave.locks.graph(prefix, { signal });
    if (flags.json) printJson(graph);
    else print(graphText(graph));
    return graph.deadlocks.length === 0 ? ExitCode.ok : ExitCode.deadlock;
  };
}

function graphText({ waits: edges, deadlocks }: WaitForGraph): string {
  const rows = edges.map(({ line, waiter, holder }) => [waiter.party, line, holder.party, holder.label, holder.fence]);
  const circles = deadlocks.map(({ explanation }) => `deadlock: ${printable(explanation)}`);
  return [table(['WAITER', 'WAITS FOR', 'HELD BY', 'LABEL', 'FENCE'], rows), ...circles].join('\n');
}

function ownerCells({ host, pid, leaseId, label, fence: held, ageMs }: Omit<LockPlace, 'mode'>): Cell[] {
  const owner = host === undefined || pid === undefined ? `lease ${leaseId.toString(16)}` : `${host}#${pid}`;
  return [owner, label, held, ageMs === undefined ? undefined : duration(ageMs)];
}
