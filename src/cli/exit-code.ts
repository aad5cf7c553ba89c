import { ConclaveError, type ErrorCode } from '../core/errors.js';

/**
 * The command's exit codes: etcdctl's where it has one, and from sysexits' range what it cannot tell. README.md beside
 * this file is the table for users; a test holds the two equal.
 */
export const ExitCode = {
  ok: 0,
  error: 1,
  badConnection: 2,
  invalidInput: 3,
  /** By a signal, before there was anything to let go of. */
  interrupted: 5,
  io: 6,
  /** `--try` and `--timeout`: somebody else has it. */
  notAcquired: 75,
  /** A lock or leadership that was held is gone. */
  lost: 76,
  /** `locks break`: nobody holds with that fence. `counter set --if`: it is another number. */
  staleFence: 77,
  /** `locks graph`: there is a circle. */
  deadlock: 78,
  cannotExecute: 126,
  commandNotFound: 127,
  badArguments: 128,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const byErrorCode: Partial<Record<ErrorCode, ExitCode>> = {
  INVALID_ARGUMENT: ExitCode.invalidInput,
  INVALID_NAME: ExitCode.invalidInput,
  INVALID_TTL: ExitCode.invalidInput,
  INVALID_URL: ExitCode.invalidInput,
  MISMATCH: ExitCode.invalidInput,
  UNSUPPORTED: ExitCode.invalidInput,
  INVALID_VALUE: ExitCode.invalidInput,
  OUT_OF_RANGE: ExitCode.invalidInput,
  UNAVAILABLE: ExitCode.badConnection,
  TIMEOUT: ExitCode.badConnection,
  LOST: ExitCode.lost,
  SESSION_LOST: ExitCode.lost,
};

/** What a command throws that ends with a code and a line of its own. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliFailure) return error.exitCode;
  return (ConclaveError.is(error) && byErrorCode[error.code]) || ExitCode.error;
}
