import { Http2Error } from './http2-error.js';
import { Code, Flag } from './protocol.js';

/** A frame whose payload has always the same size. */
export function checkSize(what: string, start: number, end: number, size: number): void {
  if (end - start !== size) throw new Http2Error(Code.frameSize, `${what} of ${end - start} bytes`);
}

/** How much of the payload's end is padding (RFC 9113, 6.1). */
export function paddingOf(flags: number, bytes: Buffer, start: number, end: number): number {
  if ((flags & Flag.padded) === 0) return 0;
  if (start === end) throw new Http2Error(Code.frameSize, 'a padded frame of no bytes');
  const padding = bytes[start] as number;
  if (start + 1 + padding > end) throw new Http2Error(Code.protocol, 'padding above the frame');
  return padding;
}
