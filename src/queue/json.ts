import { type Bytes, utf8Text } from '../core/bytes.js';

/** The object that `value` holds; an empty one for whatever is none: foreign values decide nothing. */
export function jsonObject(value: Bytes | undefined): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  try {
    const read: unknown = JSON.parse(utf8Text(value));
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

export function numberOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}
