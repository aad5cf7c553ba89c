import { isIP } from 'node:net';
import { type Command, InvalidArgumentError } from 'commander';
import { NodeRuntime } from '../../node/node-runtime.js';
import type { ListenAddress } from '../../server/net/listener.js';
import type { TlsFiles } from '../../server/net/tls-files.js';
import { type Server, startServer } from '../../server/server.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { anyAbort, Signals } from '../signals.js';
import { addTlsFlags, keepCertificates, readTls, type TlsFlags, tlsFilesOf } from '../tls-flags.js';

interface ServeFlags extends GlobalFlags, TlsFlags {
  readonly listen: ListenAddress;
  readonly allowedHosts?: string;
  readonly insecureAllowRemote?: boolean;
  readonly exitWithStdin?: boolean;
}

export function defineServe(command: Command): void {
  addTlsFlags(command)
    .option('--listen <host:port>', 'where to listen; port 0: a free one', listenAddress, {
      host: '127.0.0.1',
      port: 2379,
    })
    .option('--allowed-hosts <names>', 'by which HTTP requests may call this server too, with commas between them')
    .option('--insecure-allow-remote', 'listen beyond this machine, though not only those with a certificate come in')
    .option('--exit-with-stdin', 'end when stdin does: never outlives a parent that keeps it open, however that dies')
    .action(async () => {
      await serve(command.optsWithGlobals<ServeFlags>());
    });
}

/** Serves until a signal; then ends calls and connections. */
async function serve(flags: ServeFlags): Promise<void> {
  const tlsFiles = tlsFilesOf(flags);
  checkReach(flags, tlsFiles);
  const runtime = new NodeRuntime();
  const signals = new Signals(tlsFiles === undefined ? undefined : ['SIGINT', 'SIGTERM']);
  let stopReloading = () => {};
  try {
    const server = await listen(runtime, flags, tlsFiles);
    if (tlsFiles !== undefined) stopReloading = keepCertificates(runtime, server, tlsFiles);
    if (flags.json) printJson({ url: server.url });
    else print(`conclave: serving etcd's v3 API on ${server.url} (in memory)`);
    await anyAbort(signals.first, ...(flags.exitWithStdin ? [stdinEnd()] : []));
    signals[Symbol.dispose]();
    // Else an open stdin keeps us here.
    if (flags.exitWithStdin) process.stdin.destroy();
    await server.close();
  } finally {
    stopReloading();
    signals[Symbol.dispose]();
  }
}

/** Aborts when stdin ends. */
function stdinEnd(): AbortSignal {
  const ended = new AbortController();
  process.stdin.once('end', () => ended.abort()).once('error', () => ended.abort());
  process.stdin.resume();
  return ended.signal;
}

async function listen(runtime: NodeRuntime, flags: ServeFlags, tlsFiles: TlsFiles | undefined): Promise<Server> {
  try {
    return await startServer({
      runtime,
      listen: flags.listen,
      allowedHosts: flags.allowedHosts?.split(','),
      tls: tlsFiles === undefined ? undefined : readTls(tlsFiles),
      onBug: (error) => complain(`a bug, please report it: ${error instanceof Error ? error.stack : String(error)}`),
    });
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(ExitCode.error, error instanceof Error ? error.message : String(error), error);
  }
}

function checkReach({ listen: { host, port }, insecureAllowRemote }: ServeFlags, tls: TlsFiles | undefined): void {
  if (isLoopback(host) || tls?.trustedCaFile !== undefined) return;
  const where = `${host}:${port}`;
  const lack = tls === undefined ? 'there is neither TLS nor a password' : 'TLS asks nobody for a certificate';
  const risk = `${lack}, so whoever reaches the port can read and write everything`;
  if (insecureAllowRemote) {
    complain(`warning: listening on ${where}: ${risk}`);
    return;
  }
  const hint =
    'listen on 127.0.0.1, ask for certificates with --trusted-ca-file, or insist with --insecure-allow-remote';
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
