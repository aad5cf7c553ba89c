import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe } from 'vitest';
import { executable } from '../../support/etcd/machine.js';
import { etcdctlEnv, runEtcdctl } from '../../support/etcd/process.js';
import type { Output } from '../../support/etcd/running.js';
import { describeSkipped } from '../../support/skip.js';

export type Etcdctl = (url: string, args: readonly string[], input?: string) => Promise<Output>;

/** A suite that needs etcdctl, whether or not there is an etcd. */
export function describeEtcdctl(title: string, fn: (binary: string) => void): void {
  const binary = process.env.ETCDCTL_BIN ?? executable('etcdctl', process.env.PATH);
  if (binary === undefined) describeSkipped(title, 'no etcdctl on $PATH', () => fn('etcdctl'));
  else describe(title, () => fn(binary));
}

export function etcdctlWith(binary: string): Etcdctl {
  return (url, args, input) => runEtcdctl(binary, url, args, input);
}

/** An etcdctl that runs on: what it prints can be waited for. */
export class RunningEtcdctl {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #stdout = '';
  #stderr = '';
  #onOutput = () => {};

  constructor(binary: string, url: string, args: readonly string[]) {
    this.#child = spawn(binary, args, { env: etcdctlEnv(url), stdio: ['pipe', 'pipe', 'pipe'] });
    this.#exited = once(this.#child, 'close');
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#onOutput();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Resolves with everything printed, once that has `count` lines. Rejects if it ends before. */
  async lines(count: number): Promise<string[]> {
    const enough = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (this.#lineCount() >= count) resolve();
      };
      this.#onOutput();
    });
    const ended = this.#exited.then(() => {
      if (this.#lineCount() < count) throw new Error(`etcdctl ended early: ${this.#stdout}${this.#stderr}`);
    });
    await Promise.race([enough, ended]);
    return this.#stdout.split('\n').slice(0, -1);
  }

  /** Its exit code; SIGINT lets `lock` and `elect` release. */
  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    await this.#exited;
    return this.#child.exitCode;
  }

  #lineCount(): number {
    return this.#stdout.split('\n').length - 1;
  }
}

/** The etcdctls of a suite that run on, so that none outlives it. */
export class EtcdctlRuns {
  readonly #binary: string;
  readonly #runs: RunningEtcdctl[] = [];

  constructor(binary: string) {
    this.#binary = binary;
  }

  start(url: string, args: readonly string[]): RunningEtcdctl {
    const started = new RunningEtcdctl(this.#binary, url, args);
    this.#runs.push(started);
    return started;
  }

  async endAll(): Promise<void> {
    await Promise.all(this.#runs.map((each) => each.end('SIGKILL')));
  }
}

/** Takes out what two servers may say differently: ids, terms, durations, addresses. Equal ids stay equal. */
export function normalise(text: string, url: string): string {
  const names = new Map<string, string>();
  const nameOf = (id: string) => {
    const name = names.get(id) ?? `<id ${names.size + 1}>`;
    names.set(id, name);
    return name;
  };
  return text
    .replaceAll(url.replace('http://', ''), '<endpoint>')
    .replaceAll(/\b[0-9a-f]{15,16}\b/g, nameOf)
    .replaceAll(/("[A-Za-z_]+" ?: ?)(\d{10,})/g, (_, field: string, id: string) => `${field}${nameOf(id)}`)
    .replaceAll(/("(?:raft_term|RaftTerm)" ?: ?)\d+/g, '$1<term>')
    .replaceAll(/took = [\d.]+.?s/g, 'took = <time>')
    .replaceAll(/"(ts|caller|target)":"[^"]*"/g, '"$1":<text>')
    .replaceAll(/LocalAddr: '[^']*'/g, "LocalAddr: '<address>'");
}
