import { ConclaveError } from '../../src/core/errors.js';
import { Http2Error } from '../../src/http2/http2-error.js';
import { Prng } from '../../src/sim/prng.js';

/** The same bytes in one piece and in many must give the same messages, or both be refused. */
export function inPieces(bytes: Buffer, cut: (pieces: readonly Buffer[]) => readonly string[]): void {
  const random = new Prng(bytes.length);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + (1 + random.below(9));
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  const outcome = (input: readonly Buffer[]) => {
    try {
      return cut(input).join('\n');
    } catch (error) {
      if (!(error instanceof Http2Error) && !ConclaveError.is(error)) throw error;
      return `${error.code}`;
    }
  };
  if (outcome([bytes]) !== outcome(pieces)) throw new Error('in pieces it is something else');
}
