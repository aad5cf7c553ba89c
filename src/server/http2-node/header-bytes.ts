import type { IncomingHttpHeaders } from 'node:http2';

/** RFC 9113, 6.5.2: what each header counts besides its name and value. */
const perHeader = 32;

/**
 * As SETTINGS_MAX_HEADER_LIST_SIZE counts. Node tells the peer of the bound and does not keep it: up to nghttp2's own,
 * 64 KiB, it takes everything.
 */
export function headerBytes(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string') bytes += name.length + value.length + perHeader;
    else for (const each of value ?? []) bytes += name.length + each.length + perHeader;
  }
  return bytes;
}
