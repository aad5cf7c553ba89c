import { ConclaveError } from '../core/errors.js';
import { checkFence } from './fence.js';
import type { FenceGate, StoredFenceGate } from './fence-gate.js';

/** The HTTP header in which a holder shows its fence, in lower case as Node has them. */
export const fenceHeader = 'conclave-fence';

/** The header's value. */
export function formatFence(fence: bigint): string {
  checkFence(fence);
  return fence.toString();
}

/** @throws ConclaveError `INVALID_ARGUMENT` unless `text` is one fence in decimal digits. */
export function parseFence(text: string): bigint {
  if (!/^[1-9]\d{0,18}$/.test(text)) {
    throw new ConclaveError(
      'INVALID_ARGUMENT',
      `${fenceHeader}: a positive int64 in decimal digits, got ${JSON.stringify(text)}`,
    );
  }
  const fence = BigInt(text);
  checkFence(fence);
  return fence;
}

/** What the middleware needs of a request and an answer: those of Node, Express, Connect and Polka have it. */
export interface FencedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}
export interface RefusableResponse {
  statusCode: number;
  end(text: string): unknown;
}

/**
 * A middleware that lets requests through whose fence is not out of date, of every method: 428 without the header, 400
 * if it is none, 412 if a later holder has been at `resourceOf(request)`. What other handlers await before they write
 * can be overtaken: let them use `gate.run`, or a store that compares.
 */
export function fenceMiddleware<Request extends FencedRequest>(
  gate: Pick<FenceGate, 'admit'> | Pick<StoredFenceGate, 'admit'>,
  resourceOf: (request: Request) => string,
): (request: Request, response: RefusableResponse, next: (error?: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    const refuse = (status: number, why: string) => {
      response.statusCode = status;
      response.end(`${why}\n`);
    };
    const given = request.headers[fenceHeader];
    if (given === undefined) return refuse(428, `${fenceHeader} is missing`);
    try {
      await gate.admit(resourceOf(request), parseFence(String(given)));
    } catch (error) {
      if (ConclaveError.is(error, 'INVALID_ARGUMENT')) return refuse(400, error.message);
      if (ConclaveError.is(error, 'STALE_FENCE')) return refuse(412, error.message);
      return next(error);
    }
    next();
  };
}
