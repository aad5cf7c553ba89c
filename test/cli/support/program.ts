import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { executable } from '../../support/etcd/machine.js';

/** With util-linux at hand the kernel ends a program with this process, also when a test run is killed. */
const setpriv = executable('setpriv', process.env.PATH);
const tied = setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL'];

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running process, its lines of stdout as they come. Disposing kills it. */
export class Program implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #closed: Promise<unknown>;
  #stdout = '';
  #stderr = '';
  #wake: () => void = () => {};

  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const [command, ...rest] = [...tied, file, ...args] as [string, ...string[]];
    this.child = spawn(command, rest, { env: { ...cleanEnvironment(), ...env }, stdio: 'pipe' });
    this.#closed = once(this.child, 'close').then(() => this.#wake());
    // A test that closes it early meets a writer that is late.
    this.child.stdin?.on('error', () => {});
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
  }

  /** The next line of stdout; rejects, with what it said, when it has ended without one. */
  async line(): Promise<string> {
    // Bounded by the process: each round is a line or its end.
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      if (this.#over)
        throw new Error(
          `ended (${this.child.exitCode ?? this.child.signalCode}) without another line: ${this.#stderr}`,
        );
      await Promise.race([
        this.#closed,
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
      ]);
    }
  }

  /** Resolves when it, and whoever has its stdout and stderr, is gone. */
  async ended(): Promise<Ended> {
    await this.#closed;
    return { code: this.child.exitCode, signal: this.child.signalCode, stdout: this.#stdout, stderr: this.#stderr };
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.stdin?.destroy();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await exited;
    }
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  get #over(): boolean {
    return (
      (this.child.exitCode !== null || this.child.signalCode !== null) && this.child.stdout?.readableEnded === true
    );
  }
}

/** What this machine's user has set must not decide tests. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^(CONCLAVE_|ETCDCTL_|NO_COLOR|FORCE_COLOR)/.test(name),
  );
  return Object.fromEntries(entries);
}
