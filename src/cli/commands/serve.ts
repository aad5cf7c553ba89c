import { isIP } from 'node:net';
import { type Command, InvalidArgumentError } from 'commander';
import type { EngineHost } from '../../engine/engine-host.js';
import { NodeRuntime } from '../../node/node-runtime.js';
import type { ListenAddress } from '../../server/net/listener.js';
import { type Server, startServer } from '../../server/server.js';
import { type DurableHost, openDurableHost } from '../../storage/durable-host.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { anyAbort, Signals } from '../signals.js';

interface ServeFlags extends GlobalFlags {
  readonly listen: ListenAddress;
  readonly insecureAllowRemote?: boolean;
  readonly exitWithStdin?: boolean;
  readonly data?: string;
  readonly checkpointBytes: number;
  readonly unsafeNoFsync?: boolean;
}

export function defineServe(command: Command): void {
  command
    .option('--listen <host:port>', 'where to listen; port 0: a free one', listenAddress, {
      host: '127.0.0.1',
      port: 2379,
    })
    .option('--data <dir>', 'keep everything in this directory; without it, in memory')
    .option(
      '--checkpoint-bytes <n>',
      'with --data: length of the log that a checkpoint replaces',
      byteCount,
      67_108_864,
    )
    .option('--unsafe-no-fsync', 'with --data: faster, and a power cut may take or spoil what was acknowledged')
    .option('--insecure-allow-remote', 'listen beyond this machine, though there is neither TLS nor a password')
    .option('--exit-with-stdin', 'end when stdin does: never outlives a parent that keeps it open, however that dies')
    .action(async () => {
      await serve(command.optsWithGlobals<ServeFlags>());
    });
}

/** Serves until a signal; then ends calls and connections. */
async function serve(flags: ServeFlags): Promise<void> {
  checkReach(flags);
  const data = await openData(flags);
  const signals = new Signals();
  try {
    const server = await listen(flags.listen, data?.host);
    if (flags.json) printJson({ url: server.url });
    else print(`conclave: serving etcd's v3 API on ${server.url} (${data === undefined ? 'in memory' : flags.data})`);
    const ends = [...(data === undefined ? [] : [data.failure]), ...(flags.exitWithStdin ? [stdinEnd()] : [])];
    await anyAbort(signals.first, ...ends);
    signals[Symbol.dispose]();
    // Else an open stdin keeps us here.
    if (flags.exitWithStdin) process.stdin.destroy();
    await server.close();
  } finally {
    signals[Symbol.dispose]();
    await data?.close();
  }
  if (data?.failure.aborted) throw diskFailure(data.failure.reason);
}

/** The store of `--data`, if there is one. */
async function openData({ data: dir, checkpointBytes, unsafeNoFsync }: ServeFlags): Promise<DurableHost | undefined> {
  if (dir === undefined) {
    if (unsafeNoFsync) throw new CliFailure(ExitCode.invalidInput, '--unsafe-no-fsync needs --data');
    return undefined;
  }
  if (unsafeNoFsync) {
    complain('warning: --unsafe-no-fsync: a power cut may take acknowledged writes, or spoil the store');
  }
  try {
    const runtime = new NodeRuntime();
    const data = await openDurableHost({ runtime, dir, pid: process.pid, fsync: !unsafeNoFsync, checkpointBytes });
    if (data.cutBytes > 0) {
      complain(
        `${dir}: cut off ${data.cutBytes} bytes of a last write that had not finished, and was not acknowledged`,
      );
    }
    return data;
  } catch (error) {
    throw diskFailure(error);
  }
}

function diskFailure(error: unknown): CliFailure {
  return new CliFailure(ExitCode.io, error instanceof Error ? error.message : String(error), error);
}

/** Aborts when stdin ends. */
function stdinEnd(): AbortSignal {
  const ended = new AbortController();
  process.stdin.once('end', () => ended.abort()).once('error', () => ended.abort());
  process.stdin.resume();
  return ended.signal;
}

async function listen(address: ListenAddress, host: EngineHost | undefined): Promise<Server> {
  try {
    return await startServer({
      runtime: new NodeRuntime(),
      listen: address,
      host,
      onBug: (error) => complain(`a bug, please report it: ${error instanceof Error ? error.stack : String(error)}`),
    });
  } catch (error) {
    throw new CliFailure(ExitCode.error, error instanceof Error ? error.message : String(error), error);
  }
}

function checkReach({ listen: { host, port }, insecureAllowRemote }: ServeFlags): void {
  if (isLoopback(host)) return;
  const where = `${host}:${port}`;
  const risk = 'there is neither TLS nor a password, so whoever reaches the port can read and write everything';
  if (insecureAllowRemote) {
    complain(`warning: listening on ${where}: ${risk}`);
    return;
  }
  const hint = 'listen on 127.0.0.1, or insist with --insecure-allow-remote';
  throw new CliFailure(ExitCode.invalidInput, `refusing to listen on ${where}: ${risk}; ${hint}`);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** `127.0.0.1:2379`, `[::1]:2379`, `localhost:0`; without a host all interfaces, as `:2379`. */
function listenAddress(text: string): ListenAddress {
  const [, v6, name, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) throw new InvalidArgumentError('Not host:port, as 127.0.0.1:2379.');
  return { host: v6 ?? (name || '0.0.0.0'), port };
}

function byteCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Not a number of bytes.');
  return Number(text);
}
