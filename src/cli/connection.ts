import { readFileSync } from 'node:fs';
import type { Conclave } from '../conclave.js';
import { connect } from '../connect/connect.js';
import type { TlsOptions } from '../connect/options.js';
import { ConclaveError } from '../core/errors.js';
import { urlFromEnvironment } from '../node/environment.js';
import { CliFailure, ExitCode, exitCodeOf } from './exit-code.js';
import type { GlobalFlags } from './global-flags.js';
import { Signals } from './signals.js';

export interface ConnectionNeeds {
  readonly ttlMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects as the flags and the environment say, runs `work` and gives everything back; errors name the endpoint, but
 * for those that are the caller's own.
 */
export async function withConclave<T>(
  flags: GlobalFlags,
  needs: ConnectionNeeds,
  work: (conclave: Conclave) => Promise<T>,
): Promise<T> {
  const url = urlOf(flags);
  const options = { ...needs, ...credentials(flags), tls: url.startsWith('https:') ? tls(flags) : undefined };
  try {
    const conclave = await connect(url, options);
    try {
      return await work(conclave);
    } finally {
      await conclave.close();
    }
  } catch (error) {
    throw naming(url, error);
  }
}

/** A command that asks and goes: `work` gets a signal that aborts when we are asked to end, and gives the exit code. */
export async function runConnected(
  flags: GlobalFlags,
  work: (conclave: Conclave, signal: AbortSignal) => Promise<ExitCode>,
): Promise<void> {
  const signals = new Signals();
  try {
    const needs = { signal: signals.first };
    process.exitCode = await withConclave(flags, needs, (conclave) => work(conclave, signals.first));
  } finally {
    signals[Symbol.dispose]();
  }
}

/** Endpoints without a scheme are https where there is something to be secure with, as etcdctl has it. */
export function urlOf(flags: GlobalFlags): string {
  const given = flags.url ?? urlFromEnvironment();
  const secure = flags.cacert ?? flags.cert ?? flags.key;
  if (given.startsWith('http:') && secure !== undefined) {
    throw new CliFailure(
      ExitCode.invalidInput,
      `${given}: --cacert, --cert and --key need https://, this is plain text`,
    );
  }
  const { ETCDCTL_CACERT, ETCDCTL_CERT } = process.env;
  const bare = !/^[a-z]+:(\/\/|$|[^0-9])/.test(given);
  return bare && (secure || ETCDCTL_CACERT || ETCDCTL_CERT) ? `https://${given}` : given;
}

/** `$ETCDCTL_USER` is `name` or `name:password`. */
function credentials(flags: GlobalFlags): { username?: string; password?: string } {
  const { ETCDCTL_USER, ETCDCTL_PASSWORD } = process.env;
  const [, envName, envPassword] = /^([^:]*):?(.*)$/s.exec(ETCDCTL_USER ?? '') ?? [];
  const username = flags.username ?? (envName || undefined);
  if (username === undefined) {
    if (flags.password === undefined) return {};
    throw new CliFailure(ExitCode.invalidInput, '--password needs --username');
  }
  const password = flags.password ?? (ETCDCTL_PASSWORD || envPassword || undefined);
  if (password === undefined) {
    throw new CliFailure(ExitCode.invalidInput, `no password for user ${username}: --password or $ETCDCTL_PASSWORD`);
  }
  return { username, password };
}

/** What the flags and the environment say of a server behind TLS. */
export function tls(flags: GlobalFlags): TlsOptions {
  const { ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY } = process.env;
  return {
    ca: pem(flags.cacert ?? ETCDCTL_CACERT),
    cert: pem(flags.cert ?? ETCDCTL_CERT),
    key: pem(flags.key ?? ETCDCTL_KEY),
  };
}

function pem(file: string | undefined): Uint8Array | undefined {
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CliFailure(ExitCode.io, `cannot read ${file}: ${(error as Error).message}`, error);
  }
}

function naming(url: string, error: unknown): unknown {
  if (!ConclaveError.is(error) || exitCodeOf(error) === ExitCode.invalidInput) return error;
  const known = url
    .split(',')
    .some((each) => error.message.includes(each.replace(/^https?:\/\//, '').replace(/\/$/, '')));
  return known ? error : new CliFailure(exitCodeOf(error), `${url}: ${error.message}`, error);
}
