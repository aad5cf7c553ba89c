import { ConclaveError, type ErrorCode } from '../../core/errors.js';

/** What etcd's client library says, and hence its Lock and Election services, whose clients compare the texts. */
export const texts = {
  lockLost: 'mutex: session is expired',
  notLeader: 'election: not leader',
  noLeader: 'election: no leader',
  leaderMissing: '"leader" field must be provided',
} as const;

/** An error that is told with status UNKNOWN, as etcd tells whatever its own client library has said to it. */
export function toldAs(text: string, cause?: unknown): ConclaveError {
  return new ConclaveError('LOST', text, { cause });
}

/** What says nothing of the request but that it could not be dealt with keeps its status: clients go by it. */
const kept: readonly ErrorCode[] = ['UNAVAILABLE', 'TIMEOUT', 'CLOSED', 'CANCELLED', 'INTERNAL', 'UNSUPPORTED'];

/** Runs one request as the services answer it; `lost` is what is said of a place or a lease that is gone. */
export async function answering<T>(lost: string, answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (error) {
    throw clientError(error, lost);
  }
}

export function clientError(error: unknown, lost: string): unknown {
  if (!ConclaveError.is(error) || kept.includes(error.code)) return error;
  if (error.code === 'SESSION_LOST') return toldAs(lost, error);
  if (error.code === 'LOST') return isTold(error) ? error : toldAs(lost, error);
  return toldAs(error.message, error);
}

function isTold({ message }: ConclaveError): boolean {
  return (Object.values(texts) as string[]).includes(message);
}
