import { isIP } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import { NodeRuntime } from '../../node/node-runtime.js';
import { defaultBcryptCost, maxBcryptCost, minBcryptCost, PasswordHasher } from '../../server/auth/password-hash.js';
import { defaultLimits } from '../../server/grpc/limits.js';
import type { Http2Kind } from '../../server/http2-kind.js';
import type { ListenAddress } from '../../server/net/listener.js';
import type { TlsFiles } from '../../server/net/tls-files.js';
import type { PortOptions } from '../../server/port.js';
import { type Server, startServer } from '../../server/server.js';
import { type DataFlags, diskFailure, openData } from '../data-dir.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { anyAbort, Signals } from '../signals.js';
import { addTlsFlags, keepCertificates, readTls, type TlsFlags, tlsFilesOf } from '../tls-flags.js';
import type { UpstreamFlags } from '../upstream.js';

interface ServeFlags extends GlobalFlags, DataFlags, TlsFlags, UpstreamFlags {
  readonly listen: ListenAddress;
  readonly allowedHosts?: string;
  readonly insecureAllowRemote?: boolean;
  readonly exitWithStdin?: boolean;
  readonly upstream?: string;
  readonly bcryptCost: number;
  readonly http2: Http2Kind;
  readonly advertiseClientUrls?: readonly string[];
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

const listenDefault = '127.0.0.1:2379';

/** etcd's default, 2 GiB. */
const quotaBytesDefault = 2_147_483_648;

export function defineServe(command: Command): void {
  addBounds(addTlsFlags(command))
    .addOption(
      new Option('--listen <host:port>', 'where to listen; port 0: a free one')
        .argParser(listenAddress)
        .default(listenAddress(listenDefault), listenDefault),
    )
    .option('--data <dir>', 'keep everything in this directory; without it, in memory')
    .option(
      '--checkpoint-bytes <n>',
      'with --data: length of the log that a checkpoint replaces',
      byteCount,
      67_108_864,
    )
    .option(
      '--reserve-bytes <n>',
      'with --data: room on the disk to go on in when that is full; 0: none, and a full disk ends the server',
      byteCount,
      16_777_216,
    )
    .option('--unsafe-no-fsync', 'with --data: faster, and a power cut may take or spoil what was acknowledged')
    .option('--upstream <urls>', 'locks and elections for this etcd cluster; everything else is handed on to it')
    .option(
      '--advertise-client-urls <urls>',
      'where clients reach this server, as it tells those who ask for the members (default: where it listens)',
      clientUrls,
    )
    .option(
      '--bcrypt-cost <n>',
      'of password hashes, 4 to 31: one more doubles the work',
      bcryptCost,
      defaultBcryptCost,
    )
    .option('--allowed-hosts <names>', 'by which HTTP requests may call this server too, with commas between them')
    .option(
      '--insecure-upstream-user',
      'with --upstream: a --cert that names a user, whom the cluster may see in every caller',
    )
    .addOption(
      new Option('--http2 <kind>', 'what speaks HTTP/2: our own, or Node’s, which takes more of the processor')
        .choices(['own', 'node'])
        .default('own'),
    )
    .option('--insecure-allow-remote', 'listen beyond this machine, though not only those with a certificate come in')
    .option('--exit-with-stdin', 'end when stdin does: never outlives a parent that keeps it open, however that dies')
    .action(async () => {
      await serve(command.optsWithGlobals<ServeFlags>());
    });
}

function addBounds(command: Command): Command {
  return command
    .option(
      '--quota-backend-bytes <bytes>',
      'room for keys and their history; beyond it writes are refused until there is room again; 0: the default',
      quotaBytes,
      quotaBytesDefault,
    )
    .option(
      '--retain-revisions <n>',
      'compact by itself: at least so many of the last revisions stay, at most a tenth more (default: all stay)',
      revisions,
    )
    .option('--max-connections <n>', 'connections at a time; more are closed at once', count, defaultLimits.maxSessions)
    .option(
      '--max-connections-per-address <n>',
      'of them, those from one address, which many clients may share',
      count,
      defaultLimits.maxSessionsPerAddress,
    );
}

/** Serves until a signal; then ends calls and connections. */
async function serve(flags: ServeFlags): Promise<void> {
  const tlsFiles = tlsFilesOf(flags);
  checkReach(flags, tlsFiles);
  checkTogether(flags);
  const runtime = new NodeRuntime();
  const data = await openData(flags);
  const signals = new Signals(tlsFiles === undefined ? undefined : ['SIGINT', 'SIGTERM']);
  let stopReloading = () => {};
  try {
    const server = await listen(runtime, flags, tlsFiles, data?.host);
    if (tlsFiles !== undefined) stopReloading = keepCertificates(runtime, server, tlsFiles);
    if (flags.json) printJson({ url: server.url });
    else print(`conclave: serving etcd's v3 API on ${server.url} (${flags.upstream ?? flags.data ?? 'in memory'})`);
    const ends = [...(data === undefined ? [] : [data.failure]), ...(flags.exitWithStdin ? [stdinEnd()] : [])];
    await anyAbort(signals.first, ...ends);
    signals[Symbol.dispose]();
    // Else an open stdin keeps us here.
    if (flags.exitWithStdin) process.stdin.destroy();
    await server.close();
  } finally {
    stopReloading();
    signals[Symbol.dispose]();
    await data?.close();
  }
  if (data?.failure.aborted) throw diskFailure(data.failure.reason);
}

/** Aborts when stdin ends. */
function stdinEnd(): AbortSignal {
  const ended = new AbortController();
  process.stdin.once('end', () => ended.abort()).once('error', () => ended.abort());
  process.stdin.resume();
  return ended.signal;
}

async function listen(
  runtime: NodeRuntime,
  flags: ServeFlags,
  tlsFiles: TlsFiles | undefined,
  host: EngineHost | undefined,
): Promise<Omit<Server, 'host'>> {
  const onBug = (error: unknown) =>
    complain(`a bug, please report it: ${error instanceof Error ? error.stack : String(error)}`);
  const common = {
    ...{ runtime, listen: flags.listen, onBug, http2: flags.http2 },
    allowedHosts: flags.allowedHosts?.split(','),
    tls: tlsFiles === undefined ? undefined : readTls(tlsFiles),
    limits: { maxSessions: flags.maxConnections, maxSessionsPerAddress: flags.maxConnectionsPerAddress },
  };
  const urls = flags.advertiseClientUrls;
  try {
    if (flags.upstream !== undefined) {
      return await inFront(flags.upstream, flags, common);
    }
    return await startServer({
      ...common,
      host,
      quotaBytes: flags.quotaBackendBytes,
      retainRevisions: flags.retainRevisions,
      ...(urls === undefined ? {} : { clientUrls: () => urls }),
      hasher: new PasswordHasher(runtime, flags.bcryptCost),
    });
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    const code = ConclaveError.is(error, 'INVALID_URL') ? ExitCode.invalidInput : ExitCode.error;
    throw new CliFailure(code, error instanceof Error ? error.message : String(error), error);
  }
}

/** Loads what only this needs: gRPC's client takes longer to load than a server without to start. */
async function inFront(urls: string, flags: ServeFlags, common: PortOptions): Promise<Omit<Server, 'host'>> {
  const [{ startUpstreamServer }, { upstreamOf }] = await Promise.all([
    import('../../server/upstream/upstream-server.js'),
    import('../upstream.js'),
  ]);
  return startUpstreamServer({ ...common, ...upstreamOf(urls, flags) });
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

function checkTogether({ data, upstream }: ServeFlags): void {
  if (upstream === undefined || data === undefined) return;
  const why = '--data and --upstream: the cluster keeps the data, nothing is kept here';
  throw new CliFailure(ExitCode.invalidInput, why);
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

function count(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('Not a number above 0.');
  return Number(text);
}

function revisions(text: string): bigint {
  return BigInt(count(text));
}

function clientUrls(text: string): readonly string[] {
  const urls = text.split(',');
  if (!urls.every((url) => /^https?:\/\/[^/?#\s]+$/.test(url))) {
    throw new InvalidArgumentError('Not URLs of http: or https: with a host and a port, and commas between them.');
  }
  return urls;
}

function bcryptCost(text: string): number {
  const cost = Number(text);
  if (!/^\d+$/.test(text) || cost < minBcryptCost || cost > maxBcryptCost) {
    throw new InvalidArgumentError(`Not a number from ${minBcryptCost} to ${maxBcryptCost}.`);
  }
  return cost;
}

function quotaBytes(text: string): number {
  const bytes = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(bytes)) throw new InvalidArgumentError('Not a number of bytes.');
  return bytes === 0 ? quotaBytesDefault : bytes;
}
