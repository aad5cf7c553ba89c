import { ConclaveError } from '../core/errors.js';

/** Bytes on disk that are not what was written: never served. `hint`: what whoever reads it can do. */
export function damaged(path: string, offset: number, what: string, hint: string): ConclaveError {
  return new ConclaveError('FAILED_PRECONDITION', `${path} is damaged at byte ${offset}: ${what}. ${hint}`);
}

/** A write that found the disk full, or the quota used up: nothing is wrong with what was written before. */
export class OutOfRoom extends Error {
  readonly code: string;

  constructor(cause: NodeJS.ErrnoException) {
    super(cause.message, { cause });
    this.code = cause.code ?? '';
  }
}

/** `error` of a write, told apart from all other failures if it was for want of room. Not for a `sync` that failed. */
export function outOfRoom(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' ? new OutOfRoom(error as NodeJS.ErrnoException) : error;
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: make room and start again',
  EDQUOT: 'the quota is used up: make room and start again',
  EACCES: 'this user may not',
  EPERM: 'this user may not, or somebody else owns it',
  ELOOP: 'a symbolic link stands where a file of the store should',
};

/** What a failed request to the file system means to whoever started the store. */
export function ioError(what: string, cause: unknown): ConclaveError {
  if (ConclaveError.is(cause)) return cause;
  const { code = '', message } = cause instanceof Error ? (cause as NodeJS.ErrnoException) : { message: String(cause) };
  const hint = hints[code];
  const text = `${what}: ${hint === undefined ? message : `${hint} (${message})`}`;
  return new ConclaveError('UNAVAILABLE', text, { cause, outcome: 'unknown', retryable: false });
}
