import { type Command, Option } from 'commander';
import type { Conclave } from '../../conclave.js';
import { ConclaveError } from '../../core/errors.js';
import type { Held } from '../../line/held.js';
import { startChild } from '../child.js';
import { withConclave } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { anyAbort, Signals } from '../signals.js';
import { durationMs, name as lockName, ttlMs } from '../values.js';

interface LockFlags extends GlobalFlags {
  /** Milliseconds, though the flag counts in seconds. */
  readonly ttl: number;
  readonly timeout?: number;
  readonly try?: boolean;
  readonly killAfter: number;
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
  const held = flags.try ? await conclave.tryLock(name, { signal }) : await wait(conclave, name, flags, signal);
  if (held !== null) return held;
  const when = flags.try ? '' : ` for ${flags.timeout} ms`;
  throw new CliFailure(ExitCode.notAcquired, `lock ${JSON.stringify(name)} is held by somebody else${when}`);
}

async function wait(conclave: Conclave, name: string, flags: LockFlags, signal: AbortSignal): Promise<Held | null> {
  try {
    return await conclave.lock(name, { signal, timeoutMs: flags.timeout });
  } catch (error) {
    if (flags.timeout !== undefined && ConclaveError.is(error, 'TIMEOUT')) return null;
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
