import { type Command, Option } from 'commander';
import type { Conclave } from '../../conclave.js';
import { ConclaveError } from '../../core/errors.js';
import type { HoldOptions } from '../../line/context.js';
import type { Held } from '../../line/held.js';
import { startChild } from '../child.js';
import { withConclave } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { anyAbort, Signals } from '../signals.js';
import { count, durationMs, name as lockName, ttlMs } from '../values.js';

interface LockFlags extends GlobalFlags {
  /** Milliseconds, though the flag counts in seconds. */
  readonly ttl: number;
  readonly timeout?: number;
  readonly try?: boolean;
  readonly killAfter: number;
  readonly shared?: boolean;
  readonly permits?: number;
  readonly take?: number;
  readonly lockDelay?: number;
}

/** What is wanted: the lock, to write or to read, or permits of a semaphore. */
interface Wanted {
  /** For messages. */
  readonly what: string;
  take(options: HoldOptions): Promise<Held>;
  try(options: HoldOptions): Promise<Held | null>;
}

export function defineLock(command: Command): void {
  command
    .usage('[options] <name> [-- command args…]')
    .argument('<name>', 'the lock; with a leading / the key prefix itself, as etcdctl has it', lockName)
    .argument('[command...]', 'what to run while it is held; without: print the key and hold until a signal')
    .addOption(new Option('--ttl <seconds>', 'how long the lock outlives us').argParser(ttlMs).default(10_000, '10'))
    .addOption(new Option('--timeout <ms>', 'give up waiting after this long, as 5000 or 5s').argParser(durationMs))
    .addOption(new Option('--try', 'do not wait at all').conflicts('timeout'))
    .addOption(
      new Option('--kill-after <ms>', 'from SIGTERM to SIGKILL for the command when the lock is lost')
        .argParser(durationMs)
        .default(5000, '5000'),
    )
    .addOption(new Option('--shared', 'to read, beside others who only read').conflicts(['permits', 'take']))
    .addOption(
      new Option('--permits <n>', 'a semaphore with so many permits, on which all its users agree').argParser(count),
    )
    .addOption(new Option('--take <n>', 'with --permits: how many of them to take; default 1').argParser(count))
    .addOption(
      new Option('--lock-delay <ms>', 'nobody else gets it for so long after we were lost').argParser(durationMs),
    )
    .action(async (name: string, words: string[]) => {
      process.exitCode = await lock(name, words, command.optsWithGlobals<LockFlags>());
    });
}

async function lock(name: string, words: readonly string[], flags: LockFlags): Promise<number> {
  const signals = new Signals();
  try {
    return await withConclave(flags, { ttlMs: flags.ttl, signal: signals.first }, async (conclave) => {
      const held = await acquire(conclave, name, flags, signals.first);
      return words.length === 0 ? hold(held, flags, signals) : runUnder(held, words, flags, signals);
    });
  } finally {
    signals[Symbol.dispose]();
  }
}

async function acquire(conclave: Conclave, name: string, flags: LockFlags, signal: AbortSignal): Promise<Held> {
  const wanted = wantedOf(conclave, name, flags);
  const options = { signal, lockDelayMs: flags.lockDelay };
  const held = flags.try ? await wanted.try(options) : await wait(wanted, { ...options, timeoutMs: flags.timeout });
  if (held !== null) return held;
  const when = flags.try ? '' : ` for ${flags.timeout} ms`;
  throw new CliFailure(ExitCode.notAcquired, `${wanted.what} is held by somebody else${when}`);
}

function wantedOf(conclave: Conclave, name: string, { shared, permits, take }: LockFlags): Wanted {
  const named = JSON.stringify(name);
  if (permits !== undefined) {
    const semaphore = conclave.semaphore(name, { permits });
    return {
      what: `semaphore ${named}`,
      take: (options) => semaphore.acquire({ ...options, permits: take }),
      try: (options) => semaphore.tryAcquire({ ...options, permits: take }),
    };
  }
  if (take !== undefined) throw new CliFailure(ExitCode.invalidInput, '--take needs --permits: how many there are');
  const lock = conclave.rwLock(name);
  return {
    what: `lock ${named}`,
    take: (options) => (shared ? lock.read(options) : lock.write(options)),
    try: (options) => (shared ? lock.tryRead(options) : lock.tryWrite(options)),
  };
}

async function wait(wanted: Wanted, options: HoldOptions): Promise<Held | null> {
  try {
    return await wanted.take(options);
  } catch (error) {
    if (options.timeoutMs !== undefined && ConclaveError.is(error, 'TIMEOUT')) return null;
    throw error;
  }
}

/** Prints what etcdctl prints, its key and the empty value, and holds until a signal. */
async function hold(held: Held, flags: LockFlags, signals: Signals): Promise<number> {
  if (flags.json) printJson({ name: held.name, key: held.key, fence: held.fence, leaseId: held.leaseId });
  else print(`${held.key}\n`);
  await anyAbort(signals.first, held.signal);
  signals[Symbol.dispose]();
  if (!held.held) throw lost(held);
  await held.release();
  return ExitCode.ok;
}

/** Work stops before the lock is let go: it is released when the command has ended, whatever signals came. */
async function runUnder(held: Held, words: readonly string[], flags: LockFlags, signals: Signals): Promise<number> {
  const child = await startChild(words, environment(held));
  const stopForwarding = signals.onEach((signal) => child.forward(signal));
  try {
    await Promise.race([child.ended, anyAbort(held.signal)]);
    if (!held.held) {
      await child.stop(flags.killAfter);
      throw lost(held);
    }
    const exitCode = await child.ended;
    // The command is done whatever becomes of the lock, which ends with its lease at the latest.
    await held.release().catch((error: unknown) => complain(ConclaveError.from(error).message));
    return exitCode;
  } finally {
    stopForwarding();
  }
}

/** As etcdctl names them; its revision is the one at which the lock was taken, which is the fence. */
function environment(held: Held): Record<string, string> {
  const fence = held.fence.toString();
  return { ETCD_LOCK_KEY: held.key, ETCD_LOCK_REV: fence, CONCLAVE_LOCK_FENCE: fence };
}

function lost(held: Held): CliFailure {
  const { message } = ConclaveError.from(held.signal.reason);
  return new CliFailure(ExitCode.lost, `lock ${JSON.stringify(held.name)} was lost: ${message}`);
}
