import { ConclaveError } from '../core/errors.js';
import type { Instance } from '../registry/instance.js';

/** Where an instance listens: the URL it registered, or `http://` before its host and port. */
export function baseUrlOf({ id, address }: Instance): URL {
  if (address.startsWith('unix:')) {
    throw new ConclaveError('UNSUPPORTED', `${id} listens on ${address}: calls over HTTP need a host and port`);
  }
  return new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `http://${address}`);
}

/** `path` (with its query) below `base`: `http://a:80/api` and `/users?x=1` give `http://a:80/api/users?x=1`. */
export function pathBelow(base: URL, path: string): string {
  return `${base.pathname.replace(/\/$/, '')}${path}`;
}
