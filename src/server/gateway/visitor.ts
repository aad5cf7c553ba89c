import { isIP } from 'node:net';
import type { HttpExchange } from './exchange.js';

/**
 * Whether a browser was sent here by somebody else's page. A page can make a browser send anything that a form can,
 * and DNS can be made to call any name this machine; neither can forge `Host` and `Origin` (reliability.md section 5).
 * Programs send no `Origin` and are not asked for more.
 */
export interface VisitorRules {
  /** Whether this server may be called so, by a name or an address without its port. */
  isOurName(host: string, localAddress: string | undefined): boolean;
}

/** HTTP status and text that refuse the request; undefined: welcome. */
export function refusalOf(
  exchange: HttpExchange,
  rules: VisitorRules,
): { readonly status: number; readonly text: string } | undefined {
  const { authority, headers, localAddress } = exchange;
  const host = authority === undefined ? undefined : hostName(authority);
  if (authority === undefined || host === undefined || !rules.isOurName(host, localAddress)) {
    return { status: 421, text: 'this server does not go by that name: check Host, or allow it' };
  }
  if (!isAtHome(exchange, authority)) return { status: 403, text: 'called by a page of another origin' };
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return { status: 403, text: 'called by a page of another site' };
  }
  return undefined;
}

/** `Origin`, or what old browsers tell instead, is ours or not given. */
function isAtHome({ headers, isSecure }: HttpExchange, authority: string): boolean {
  const own = `${isSecure ? 'https' : 'http'}://${authority.toLowerCase()}`;
  const { origin, referer } = headers;
  if (origin !== undefined) return origin.toLowerCase() === own;
  if (referer === undefined) return true;
  const page = referer.toLowerCase();
  return page === own || page.startsWith(`${own}/`);
}

/** `[::1]:2379` is `::1`. Undefined for what is no host with or without a port. */
export function hostName(authority: string): string | undefined {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::\d{1,5})?$/i.exec(authority);
  return (parts?.[1] ?? parts?.[2])?.toLowerCase();
}

/** Names that no foreign page can make a browser resolve to another machine: they are only ever this one. */
export function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** `allowed` names; `*` allows every name. `isCertified`: whether the server's certificate is for that name. */
export function visitorRules(allowed: readonly string[], isCertified: (host: string) => boolean): VisitorRules {
  const names = new Set(allowed.map((each) => each.toLowerCase()));
  return {
    isOurName: (host, localAddress) =>
      names.has('*') ||
      names.has(host) ||
      isLoopbackName(host) ||
      (isIP(host) !== 0 && host === plainAddress(localAddress)) ||
      isCertified(host),
  };
}

/** An IPv4 peer of a socket for both versions has an address like `::ffff:10.0.0.1`. */
function plainAddress(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/, '');
}
