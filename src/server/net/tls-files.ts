import { readFileSync, statSync } from 'node:fs';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { TlsOptions } from './tls-gate.js';

/** Where the certificates are, as etcd's flags name them. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly trustedCaFile?: string | undefined;
}

/** Asking the file system is cheaper than being told by it, and sees the renamed links of Kubernetes too. */
const lookEveryMs = 5_000;

/** Throws `INVALID_ARGUMENT`, naming the file that cannot be read. */
export function readTlsFiles({ certFile, keyFile, trustedCaFile }: TlsFiles): TlsOptions {
  return {
    cert: readPem(certFile),
    key: readPem(keyFile),
    ca: trustedCaFile === undefined ? undefined : readPem(trustedCaFile),
  };
}

/** Calls `onChange` when a file is another than before. Returns what ends it. */
export function watchTlsFiles(runtime: Runtime, files: TlsFiles, onChange: () => void): () => void {
  let seen = fingerprint(files);
  let stopTimer = () => {};
  const look = () => {
    arm();
    const now = fingerprint(files);
    if (now === seen) return;
    seen = now;
    onChange();
  };
  const arm = () => {
    stopTimer = runtime.setTimer(lookEveryMs, look);
  };
  arm();
  return () => stopTimer();
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConclaveError('INVALID_ARGUMENT', `cannot read ${file}: ${why}`, { cause });
  }
}

function fingerprint({ certFile, keyFile, trustedCaFile }: TlsFiles): string {
  return [certFile, keyFile, ...(trustedCaFile === undefined ? [] : [trustedCaFile])].map(stateOf).join(' ');
}

/** A file may be missing for a moment while it is replaced. */
function stateOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.ino}/${stat.size}/${stat.mtimeMs}`;
}
