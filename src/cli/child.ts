import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { CliFailure, ExitCode } from './exit-code.js';
import type { HandledSignal } from './signals.js';

/** How often a group that was asked to end is looked at. */
const groupLookMs = 50;

/** A command that runs with our stdin, stdout and stderr. */
export interface Child {
  /** Its exit code, or 128 + n for a signal n, when it has ended. */
  readonly ended: Promise<number>;
  /** Hands on a signal that we got, unless the terminal gave it to the command as well. */
  forward(signal: HandledSignal): void;
  /** SIGTERM, and SIGKILL after `killAfterMs`; resolves when it is gone. */
  stop(killAfterMs: number): Promise<void>;
}

/**
 * Starts `words`. Away from a terminal it gets a process group of its own, so that signals reach what it starts, too
 * (`sh -c` does not hand them on). On a terminal it stays in ours, which alone may read from it and gets Ctrl-C as a
 * whole.
 */
export async function startChild(words: readonly string[], env: Readonly<Record<string, string>>): Promise<Child> {
  const [file = '', ...args] = words;
  const ownGroup = process.stdin.isTTY !== true;
  const child = spawn(file, args, { stdio: 'inherit', detached: ownGroup, env: { ...process.env, ...env } });
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  await spawned(child, file);
  const pid = child.pid as number;
  return {
    ended,
    forward: (signal) => {
      if (ownGroup || signal !== 'SIGINT') send(ownGroup ? -pid : pid, signal);
    },
    stop: (killAfterMs) => stop(ownGroup ? -pid : pid, ended, killAfterMs),
  };
}

function spawned(child: ChildProcess, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      const code = missing ? ExitCode.commandNotFound : ExitCode.cannotExecute;
      reject(new CliFailure(code, `cannot run ${file}: ${missing ? 'no such command' : error.message}`, error));
    });
  });
}

async function stop(target: number, ended: Promise<number>, killAfterMs: number): Promise<void> {
  let waitedFor = false;
  void ended.then(() => {
    waitedFor = true;
  });
  // Once the process has been waited for, its id may be somebody else's; a group's stays taken while it has members.
  const alive = () => !waitedFor || (target < 0 && send(target, 0));
  const dueMs = performance.now() + killAfterMs;
  send(target, 'SIGTERM');
  // Bounded by `killAfterMs`. A group outlives its first process when others of it clean up.
  while (alive() && performance.now() < dueMs) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(groupLookMs, killAfterMs)));
  }
  if (alive()) send(target, 'SIGKILL');
  await ended;
}

/** Whether there was anybody to get it; 0 only asks. */
function send(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch {
    return false;
  }
}
