import { ConclaveError } from '../../core/errors.js';

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Milliseconds of a `grpc-timeout` header: at most eight digits and a unit (gRPC over HTTP/2, "Timeout"). Throws
 * `INTERNAL` for anything else, as grpc-go answers.
 */
export function timeoutMsOf(header: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(header);
  if (match === null) throw new ConclaveError('INTERNAL', `malformed grpc-timeout: ${JSON.stringify(header)}`);
  return Number(match[1]) * (unitMs[match[2] as string] as number);
}
