import type { Command } from 'commander';
import type { Runtime } from '../core/runtime.js';
import { readTlsFiles, type TlsFiles, watchTlsFiles } from '../server/net/tls-files.js';
import type { TlsOptions } from '../server/net/tls-gate.js';
import type { Server } from '../server/server.js';
import { CliFailure, ExitCode } from './exit-code.js';
import { complain } from './output.js';

/** Named as etcd's. */
export interface TlsFlags {
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly trustedCaFile?: string;
  readonly clientCertAuth?: boolean;
}

export function addTlsFlags(command: Command): Command {
  return command
    .option('--cert-file <file>', 'serve TLS with this certificate (PEM); read again when it changes, and at SIGHUP')
    .option('--key-file <file>', 'its key')
    .option('--trusted-ca-file <file>', 'turn clients away that have no certificate of this authority')
    .option('--client-cert-auth', 'insist on --trusted-ca-file');
}

/** Undefined without TLS. Throws for flags that do not go together. */
export function tlsFilesOf({ certFile, keyFile, trustedCaFile, clientCertAuth }: TlsFlags): TlsFiles | undefined {
  if (clientCertAuth && trustedCaFile === undefined) throw badFlags('--client-cert-auth needs --trusted-ca-file');
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile, trustedCaFile };
  if (certFile !== undefined || keyFile !== undefined) throw badFlags('--cert-file and --key-file go together');
  if (trustedCaFile !== undefined) throw badFlags('--trusted-ca-file needs --cert-file and --key-file');
  return undefined;
}

/** Throws for files that cannot be read. */
export function readTls(files: TlsFiles): TlsOptions {
  try {
    return readTlsFiles(files);
  } catch (error) {
    throw new CliFailure(ExitCode.io, error instanceof Error ? error.message : String(error), error);
  }
}

/** Takes new certificates into use when the files change and at SIGHUP, until the function returned is called. */
export function keepCertificates(
  runtime: Runtime,
  server: Pick<Server, 'replaceCertificates'>,
  files: TlsFiles,
): () => void {
  const reload = () => {
    try {
      server.replaceCertificates(readTlsFiles(files));
      complain('the TLS certificates have been read again');
    } catch (error) {
      complain(`keeping the old TLS certificates: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const stopWatching = watchTlsFiles(runtime, files, reload);
  process.on('SIGHUP', reload);
  return () => {
    stopWatching();
    process.off('SIGHUP', reload);
  };
}

function badFlags(message: string): CliFailure {
  return new CliFailure(ExitCode.invalidInput, message);
}
