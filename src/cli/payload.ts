import { ConclaveError } from '../core/errors.js';
import { jsonOrText } from '../core/plain.js';

/**
 * A job's payload: JSON, or text where it is none.
 * @throws ConclaveError `INVALID_ARGUMENT` for JSON with a whole number that JavaScript would round: above 2^53 it is
 * likely to be somebody's 64-bit id.
 */
export function payloadOf(text: string): unknown {
  const payload = jsonOrText(text);
  const rounded = typeof payload === 'string' ? undefined : wholeNumbersIn(text).find(isRounded);
  if (rounded === undefined) return payload;
  throw new ConclaveError('INVALID_ARGUMENT', `${rounded} is no number that JSON keeps: write it as "${rounded}"`);
}

/** Those outside of texts. */
function wholeNumbersIn(json: string): readonly string[] {
  const withoutTexts = json.replace(/"(?:[^"\\]|\\.)*"/g, '');
  return (withoutTexts.match(/[-+.\deE]+/g) ?? []).filter((each) => /^-?\d+$/.test(each));
}

function isRounded(digits: string): boolean {
  return BigInt(digits) !== BigInt(Number(digits));
}
