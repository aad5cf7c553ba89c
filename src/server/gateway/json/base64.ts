import type { Bytes } from '../../../core/bytes.js';
import { badJson } from './json-value.js';

/**
 * Standard or URL-safe alphabet, padding complete or left out; the ends of lines do not count, as in Go. Throws
 * `INVALID_ARGUMENT` for anything else.
 */
export function fromBase64(folded: string): Bytes {
  const text = folded.replace(/[\r\n]/g, '');
  const unpadded = text.endsWith('=') ? withoutPadding(text) : text;
  if (unpadded.length % 4 === 1 || !/^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)$/.test(unpadded)) throw badJson('bad base64');
  return Buffer.from(unpadded, 'base64');
}

export function toBase64(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

function withoutPadding(text: string): string {
  if (text.length % 4 !== 0) throw badJson('bad base64');
  return text.slice(0, text.endsWith('==') ? -2 : -1);
}
