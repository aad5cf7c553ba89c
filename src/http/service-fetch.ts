import type { Discovery } from '../registry/discovery.js';
import { Attempts, type RetryOptions } from './attempts.js';
import { pathBelow } from './instance-url.js';

export interface ServiceFetchOptions extends RetryOptions {
  /** Carries the requests. Default: the global `fetch`. */
  readonly fetch?: ((input: string, init: RequestInit) => Promise<Response>) | undefined;
  /** What a request is about, for strategies that send like to like. */
  readonly keyOf?: ((path: string, init: RequestInit) => string | undefined) | undefined;
}

/** Like `fetch`, for one service: takes a path with its query, as `/users/7?full=1`. */
export type ServiceFetch = (path: string, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` that goes to an instance of the service: it picks one, tells the balancer how it went, and tries another
 * when the first cannot be reached, or fails and the method may be repeated (RFC 9110, 9.2.2). A body that is a stream
 * is sent once.
 *
 * It rejects as `fetch` does, with the last error; with ConclaveError `UNAVAILABLE` when there is no instance. The last
 * response is returned whatever its status.
 */
export function serviceFetch(discovery: Discovery, options: ServiceFetchOptions = {}): ServiceFetch {
  const { fetch: carry = fetch, keyOf } = options;
  return async (path, init = {}) => {
    const { method = 'GET', body, signal } = init;
    const replayable = body instanceof ReadableStream || isAsyncIterable(body) ? 'never' : 'always';
    const attempts = new Attempts(discovery, options, { method, replayable, key: keyOf?.(path, init) });
    let attempt = attempts.pick();
    // Bounded by `retries`.
    for (;;) {
      const { pick, base } = attempt;
      try {
        const response = await carry(`${base.origin}${pathBelow(base, path)}`, init);
        const failed = attempts.isFailure(response.status);
        pick.done(failed ? new Error(`status ${response.status}`) : undefined);
        const next = failed ? attempts.next({ status: response.status }) : undefined;
        if (next === undefined) return response;
        // Its connection is not used again before it was read or given up.
        await response.body?.cancel();
        attempt = next;
      } catch (error) {
        // An abort is the caller's, and no failure of the instance; to have been too slow is one.
        const gaveUp = signal?.aborted === true && !isTimeout(signal.reason);
        pick.done(gaveUp ? undefined : error);
        const next = signal?.aborted ? undefined : attempts.next({ error });
        if (next === undefined) throw error;
        attempt = next;
      }
    }
  };
}

function isAsyncIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError';
}
