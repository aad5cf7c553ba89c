import { type Bytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';

/** The object that `value` holds; an empty one for whatever is none: foreign values decide nothing. */
export function jsonObject(value: Bytes | undefined): Readonly<Record<string, unknown>> {
  const read = jsonValue(value);
  return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {};
}

/** What `value` holds; undefined for what is no JSON. */
export function jsonValue(value: Bytes | undefined): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(utf8Text(value));
  } catch {
    return undefined;
  }
}

/** @throws ConclaveError `INVALID_ARGUMENT` for what is no JSON, or larger than `limitKib`. */
export function jsonOf(value: unknown, what: string, limitKib: number): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    const message = `${what} must be JSON: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConclaveError('INVALID_ARGUMENT', message, { cause: error });
  }
  if (json === undefined) throw new ConclaveError('INVALID_ARGUMENT', `${what} must be JSON: this is ${typeof value}`);
  const kib = kibOf(json);
  if (kib > limitKib) throw new ConclaveError('INVALID_ARGUMENT', `${what} of ${kib} KiB, at most ${limitKib}`);
  return json;
}

/** Rounded up, 1 at least. */
export function kibOf(json: string): number {
  return Math.max(1, Math.ceil(utf8(json).length / 1024));
}
