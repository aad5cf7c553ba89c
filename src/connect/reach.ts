import pRetry, { AbortError } from 'p-retry';
import { utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Store } from '../store/store.js';
import type { ConnectOptions } from './options.js';

const defaultConnectTimeoutMs = 5000;

/** Refused on this machine: nobody listens there, and nobody will unless it is being started at this moment. */
const refusedPatienceMs = 1000;

/**
 * Asks the store something harmless until it answers: proves address, transport and credentials before the first real
 * call. A refusal to read that key is an answer too.
 * @throws ConclaveError `UNAVAILABLE` naming the endpoints, or what the store said.
 */
export async function reach(store: Store, where: string, options: ConnectOptions): Promise<void> {
  const patienceMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
  const startedAt = performance.now();
  let told: unknown;
  const attempt = async () => {
    try {
      const leftMs = Math.max(patienceMs - (performance.now() - startedAt), 1);
      await store.range({ key: utf8('conclave'), serializable: true }, { signal: options.signal, timeoutMs: leftMs });
    } catch (error) {
      options.signal?.throwIfAborted();
      if (ConclaveError.is(error, 'PERMISSION_DENIED')) return;
      if (!ConclaveError.is(error, 'UNAVAILABLE', 'TIMEOUT')) throw new AbortError(ConclaveError.from(error));
      // The last try may have no time left to hear of anything: what an earlier one was told says more.
      if (ConclaveError.is(error, 'UNAVAILABLE')) told = error;
      throw told ?? error;
    }
  };
  try {
    await pRetry(attempt, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 100,
      factor: 2,
      maxTimeout: 1000,
      maxRetryTime: patienceMs,
      signal: options.signal,
      shouldRetry: ({ error }) => !isRefusedHere(error.message) || performance.now() - startedAt < refusedPatienceMs,
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw ConclaveError.is(error, 'UNAVAILABLE', 'TIMEOUT') ? unreachable(where, error) : error;
  }
}

function unreachable(where: string, cause: ConclaveError): ConclaveError {
  const why = cause.message.replace(/^cannot reach \S+: (Error: )?|\.$/g, '');
  return new ConclaveError('UNAVAILABLE', `cannot reach ${where}: ${why}${hintAt(where, cause)}`, { cause });
}

/** What may be wrong at this end. */
function hintAt(where: string, { message }: ConclaveError): string {
  if (isRefusedHere(message)) return '; nothing listens there: `npx conclave serve` starts a server';
  if (/wrong version number/.test(message)) return '; it does not speak TLS: http:// instead of https://?';
  if (!where.startsWith('https:') && /server closed the connection/.test(message)) {
    return '; if it speaks TLS: https://';
  }
  return '';
}

function isRefusedHere(message: string): boolean {
  return /ECONNREFUSED (127\.|::1|\[::1\])/.test(message);
}
