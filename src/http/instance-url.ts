import { ConclaveError } from '../core/errors.js';
import type { Instance } from '../registry/instance.js';

/**
 * Where an instance listens: the URL it registered, or `http://` before its host and port.
 * @throws ConclaveError `UNSUPPORTED` for what no call over HTTP goes to: a Unix socket, `grpc://…`.
 */
export function baseUrlOf({ id, address }: Instance): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `http://${address}`;
  if (!address.startsWith('unix:') && /^https?:/i.test(text) && URL.canParse(text)) return new URL(text);
  throw new ConclaveError('UNSUPPORTED', `${id} listens on ${address}: calls over HTTP need a host and port`);
}

/** `path` (with its query) below `base`: `http://a:80/api` and `/users?x=1` give `http://a:80/api/users?x=1`. */
export function pathBelow(base: URL, path: string): string {
  return `${base.pathname.replace(/\/$/, '')}${path}`;
}
