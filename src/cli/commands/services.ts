import { type Command, Option } from 'commander';
import type { Conclave } from '../../conclave.js';
import { pause } from '../../core/abort.js';
import { ConclaveError } from '../../core/errors.js';
import { NodeRuntime } from '../../node/node-runtime.js';
import type { Discovery } from '../../registry/discovery.js';
import { checkSpec, type Instance } from '../../registry/instance.js';
import type { RegisterSpec, Registration } from '../../registry/registration.js';
import { type Child, startChild } from '../child.js';
import { runConnected, withConclave } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { print, printJson } from '../output.js';
import { anyAbort, Signals } from '../signals.js';
import { type Cell, table } from '../table.js';
import { tcpProbe } from '../tcp-probe.js';
import { count, durationMs, metadata, name as serviceName, ttlMs } from '../values.js';

interface RegisterFlags extends GlobalFlags {
  readonly address: string;
  readonly id?: string;
  readonly meta?: Readonly<Record<string, string>>;
  readonly weight?: number;
  readonly zone?: string;
  /** Commander keeps `--version` for itself. */
  readonly serviceVersion?: string;
  readonly protocol?: string;
  readonly takeOver?: boolean;
  readonly check: boolean;
  readonly drain: number;
  readonly warmUp: number;
  readonly killAfter: number;
  /** Milliseconds, though the flag counts in seconds. */
  readonly ttl: number;
}

/** How often the port of a command that is starting is tried. */
const startLookMs = 100;

/** How often it is tried from then on. */
const portLookMs = 5000;

const headings = ['SERVICE', 'ID', 'ADDRESS', 'STATE', 'ZONE', 'VERSION', 'WEIGHT', 'LEASE'] as const;

export function defineServices(command: Command): void {
  const service = ['<service>', 'the service; with a leading / the key itself', serviceName] as const;
  const flagsOf = <F extends GlobalFlags>(sub: Command) => sub.optsWithGlobals<F>();

  const list = command.command('ls').description('every instance of every service');
  list
    .argument('[prefix]', 'of the names of services')
    .action((given = '') =>
      runConnected(flagsOf(list), (conclave, signals) => ls(conclave, given, flagsOf(list), signals)),
    );

  const get = command.command('get').description('the instances of one service');
  get
    .argument(...service)
    .action((given: string) =>
      runConnected(flagsOf(get), (conclave, signals) => show(conclave, given, flagsOf(get), signals)),
    );

  const watch = command.command('watch').description('the instances of one service, and each change');
  watch
    .argument(...service)
    .action((given: string) =>
      runConnected(flagsOf(watch), (conclave, signals) => follow(conclave, given, flagsOf(watch), signals)),
    );

  for (const [word, enabled, what] of [
    ['drain', false, 'take calls away from an instance, wherever it runs'],
    ['enable', true, 'let an instance be called again'],
  ] as const) {
    const sub = command.command(word).description(what);
    sub
      .argument(...service)
      .argument('<id>', 'the instance')
      .action((given: string, id: string) =>
        runConnected(flagsOf(sub), (conclave, signals) => toggle(conclave, given, id, enabled, signals)),
      );
  }
  defineRegister(command.command('register'));
}

function defineRegister(command: Command): void {
  command
    .description('run a command, registered for as long as it lives')
    .usage('[options] <service> -- command args…')
    .argument('<service>', 'the service', serviceName)
    .argument('<command...>', 'what serves at the address')
    .requiredOption('--address <host:port>', 'where callers reach it')
    .option('--id <id>', 'unique within the service; default: random')
    .option('--meta <key=value>', 'whatever callers should know, as often as needed', metadata)
    .addOption(new Option('--weight <n>', 'its share of the calls').argParser(count))
    .option('--zone <zone>', 'where it runs')
    .option('--service-version <version>', 'of the command')
    .option('--protocol <name>', 'as grpc or http')
    .option('--take-over', 'take the id if somebody else has it')
    .option('--no-check', 'register at once, and do not try the port of the address')
    .addOption(
      new Option('--drain <ms>', 'at SIGTERM, how long callers have to turn away before the command is told')
        .argParser(durationMs)
        .default(1000, '1000'),
    )
    .addOption(new Option('--warm-up <ms>', 'until it gets its whole share').argParser(durationMs).default(0, '0'))
    .addOption(
      new Option('--kill-after <ms>', 'from SIGTERM to SIGKILL for the command when the id was taken over')
        .argParser(durationMs)
        .default(5000, '5000'),
    )
    .addOption(new Option('--ttl <seconds>', 'how long the entry outlives us').argParser(ttlMs).default(10_000, '10'))
    .action(async (service: string, words: string[]) => {
      process.exitCode = await register(service, words, command.optsWithGlobals<RegisterFlags>());
    });
}

async function ls(conclave: Conclave, prefix: string, flags: GlobalFlags, signal: AbortSignal): Promise<ExitCode> {
  await using all = conclave.registry.discoverAll(prefix);
  await all.ready({ signal });
  list(all, flags);
  return ExitCode.ok;
}

async function show(conclave: Conclave, service: string, flags: GlobalFlags, signal: AbortSignal): Promise<ExitCode> {
  await using one = conclave.registry.discover(service);
  await one.ready({ signal });
  list(one, flags);
  return ExitCode.ok;
}

function list({ instances }: Discovery, flags: GlobalFlags): void {
  if (flags.json) for (const each of instances) printJson(each);
  else print(table(headings, instances.map(rowOf)));
}

/** One line per change, as a log. */
async function follow(conclave: Conclave, service: string, flags: GlobalFlags, signal: AbortSignal): Promise<ExitCode> {
  await using one = conclave.registry.discover(service);
  const changes = one.changes({ signal });
  const line = (word: string, each: Instance) =>
    print(`${word.padEnd(7)}  ${each.id}  ${each.address}  ${stateOf(each)}`);
  try {
    for await (const change of changes) {
      if (flags.json) printJson(change);
      else {
        for (const each of change.joined) line('joined', each);
        for (const { after } of change.changed) line('changed', after);
        for (const each of change.left) line('left', each);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return ExitCode.ok;
}

async function toggle(
  conclave: Conclave,
  service: string,
  id: string,
  enabled: boolean,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (await conclave.registry.setEnabled(service, id, enabled, { signal })) return ExitCode.ok;
  throw new CliFailure(ExitCode.error, `service ${JSON.stringify(service)} has no instance ${JSON.stringify(id)}`);
}

async function register(service: string, words: readonly string[], flags: RegisterFlags): Promise<number> {
  checkSpec(specOf(service, flags));
  const signals = new Signals();
  try {
    return await withConclave(flags, { ttlMs: flags.ttl, signal: signals.first }, async (conclave) => {
      const child = await startChild(words, {});
      const ended = new AbortController();
      void child.ended.then(() => ended.abort());
      const over = AbortSignal.any([signals.first, ended.signal]);
      try {
        const registration = await enrol(conclave, service, flags, over);
        return await live(registration, child, flags, signals);
      } catch (error) {
        const refused = !over.aborted;
        if (!ended.signal.aborted) await child.stop(flags.killAfter);
        if (refused) throw error;
        return await child.ended;
      }
    });
  } finally {
    signals[Symbol.dispose]();
  }
}

/** Registers once somebody listens at the address. */
async function enrol(
  conclave: Conclave,
  service: string,
  flags: RegisterFlags,
  signal: AbortSignal,
): Promise<Registration> {
  const { address, takeOver, warmUp, check } = flags;
  const probe = check ? tcpProbe(address) : undefined;
  // Bounded by the command's end and by signals.
  while (probe !== undefined && !(await probe(signal))) await pause(new NodeRuntime(), startLookMs, signal);
  const health = probe && { probe, intervalMs: portLookMs };
  return conclave.registry.register(specOf(service, flags), { takeOver, warmUpMs: warmUp, health, signal });
}

function specOf(service: string, flags: RegisterFlags): RegisterSpec {
  const { address, id, meta: metadata, weight, zone, serviceVersion: version, protocol } = flags;
  return { service, id, address, metadata, weight, zone, version, protocol };
}

/** Until the command ends: by itself, or after the first signal, when callers had time to turn away. */
async function live(registration: Registration, child: Child, flags: RegisterFlags, signals: Signals): Promise<number> {
  if (flags.json) printJson({ service: registration.service, id: registration.id, key: registration.key });
  const over = new AbortController();
  void child.ended.then(() => over.abort());
  await anyAbort(over.signal, signals.first, registration.signal);
  if (registration.signal.aborted && !over.signal.aborted && !signals.first.aborted) {
    const { message } = ConclaveError.from(registration.signal.reason);
    throw new CliFailure(ExitCode.lost, `the registration is lost: ${message}`);
  }
  if (!over.signal.aborted) {
    await registration.drain().catch(() => {});
    await pause(new NodeRuntime(), flags.drain, over.signal).catch(() => {});
    await registration.deregister().catch(() => {});
    child.forward('SIGTERM');
    signals.onEach((signal) => child.forward(signal));
  } else {
    await registration.deregister().catch(() => {});
  }
  return child.ended;
}

function rowOf(instance: Instance): Cell[] {
  const { service, id, address, zone, version, weight, leaseId } = instance;
  return [service, id, address, stateOf(instance), zone, version, weight, leaseId.toString(16)];
}

function stateOf({ enabled, healthy, draining }: Instance): string {
  if (!enabled) return 'disabled';
  if (draining) return 'draining';
  return healthy ? 'up' : 'ill';
}
