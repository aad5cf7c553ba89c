import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { standsStill } from '../stands-still.js';
import { freePorts } from './free-ports.js';
import { executable } from './machine.js';
import { type Output, type RunningEtcd, type StartOptions, versionOf } from './running.js';

const startTimeoutMs = 30_000;
/** A port that was free may be taken by somebody else before etcd binds it. */
const startAttempts = 3;

/** What dies with this process. Test support may keep such state: the processes are a fact of this process too. */
const children = new Set<ChildProcess>();
const dataDirs = new Set<string>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const dir of dataDirs) rmSync(dir, { recursive: true, force: true });
});

interface Binaries {
  readonly etcd: string;
  readonly etcdctl: string | undefined;
}

/** Starts `binaries.etcd` on free ports with a data directory of its own. */
export async function startEtcdProcess(binaries: Binaries, options: StartOptions = {}): Promise<RunningEtcd> {
  for (let attempt = 1; ; attempt++) {
    const etcd = new EtcdProcess(binaries, await freePorts(2), options);
    try {
      if (options.snapshot !== undefined) await etcd.restoreSnapshot(options.snapshot);
      await etcd.restart();
      return etcd;
    } catch (error) {
      await etcd.stop();
      if (attempt === startAttempts || !/address already in use/.test(String(error))) throw error;
    }
  }
}

class EtcdProcess implements RunningEtcd {
  readonly url: string;
  version = '';
  readonly #binaries: Binaries;
  readonly #args: readonly string[];
  readonly #memberArgs: readonly string[];
  readonly #dataDir = mkdtempSync(join(fastTemp(), 'conclave-etcd-'));
  #child: ChildProcess | undefined;

  constructor(binaries: Binaries, [clientPort, peerPort]: readonly number[], options: StartOptions) {
    this.url = `http://127.0.0.1:${clientPort}`;
    dataDirs.add(this.#dataDir);
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    this.#binaries = binaries;
    this.#memberArgs = [
      ...['--name', 'test', '--data-dir', join(this.#dataDir, 'data')],
      ...['--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `test=${peerUrl}`],
    ];
    this.#args = [
      ...this.#memberArgs,
      ...['--listen-client-urls', this.url, '--advertise-client-urls', this.url, '--listen-peer-urls', peerUrl],
      ...(options.args?.(this.url) ?? []),
    ];
  }

  async restoreSnapshot(file: string): Promise<void> {
    const { code, stderr } = await this.etcdctl(['snapshot', 'restore', file, ...this.#memberArgs]);
    if (code !== 0) throw new Error(`etcdctl cannot restore ${file}: ${stderr}`);
  }

  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    const child = spawnTied(this.#binaries.etcd, this.#args);
    this.#child = child;
    children.add(child);
    child.once('exit', () => children.delete(child));
    await ready(child);
    this.version = await versionOf(this.url);
  }

  async etcdctl(args: readonly string[], options: { readonly input?: string } = {}): Promise<Output> {
    if (this.#binaries.etcdctl === undefined) throw new Error('there is an etcd here, but no etcdctl');
    return runEtcdctl(this.#binaries.etcdctl, this.url, args, options.input);
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Resolves when every thread stands still: on a busy machine one may answer for a moment after the signal. */
  async pause(): Promise<void> {
    const child = this.#child;
    child?.kill('SIGSTOP');
    // Bounded by the kernel: a stopped process stops, or is gone.
    while (child !== undefined && child.exitCode === null && !standsStill(child.pid)) await setImmediate();
  }

  async resume(): Promise<void> {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.#end('SIGKILL');
    rmSync(this.#dataDir, { recursive: true, force: true });
    dataDirs.delete(this.#dataDir);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    // A paused process takes no SIGTERM until it goes on.
    child.kill('SIGCONT');
    await exited;
  }
}

/** Without the variable that names etcdctl itself: it takes that for one of its own, and warns since 3.5. */
export function etcdctlEnv(url: string): NodeJS.ProcessEnv {
  const { ETCDCTL_BIN: _, ...env } = process.env;
  return { ...env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: url };
}

export async function runEtcdctl(
  etcdctl: string,
  url: string,
  args: readonly string[],
  input: string | undefined,
): Promise<Output> {
  const child = spawn(etcdctl, args, { env: etcdctlEnv(url), stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // It may have exited without reading its input.
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  await once(child, 'close');
  children.delete(child);
  return { stdout, stderr, code: child.exitCode ?? -1 };
}

/** With util-linux at hand the kernel kills etcd when this process dies, whichever way it does. */
export function spawnTied(file: string, args: readonly string[]): ChildProcess {
  const setpriv = executable('setpriv', process.env.PATH);
  const stdio: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe'];
  return setpriv === undefined
    ? spawn(file, args, { stdio })
    : spawn(setpriv, ['--pdeathsig', 'KILL', file, ...args], { stdio });
}

/** Resolves at etcd's own word; rejects with its last lines if it ends before, or says nothing for long. */
export async function ready(child: ChildProcess): Promise<void> {
  const lastLines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const fail = (what: string) => reject(new Error(`etcd ${what}\n${lastLines.join('\n')}`));
    const timer = setTimeout(() => fail(`is not ready within ${startTimeoutMs} ms`), startTimeoutMs);
    child.once('error', reject);
    // `close` and not `exit`: the reason of an early end is in the lines that are still under way.
    child.once('close', () => {
      clearTimeout(timer);
      fail('ended before it was ready');
    });
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      if (lastLines.push(line) > 20) lastLines.shift();
      if (!/ready to serve .*client requests/.test(line)) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** In memory where that exists: etcd syncs every write, and other tests share the disk. */
export function fastTemp(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}
