import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tls } from './connection.js';
import type { GlobalFlags } from './global-flags.js';

/** What `/version` of a server tells of it. */
export interface ServerPage {
  /** For people: `etcd 3.4.23`, `conclave 0.1.0, as etcd 3.5.30`. */
  readonly server: string;
  /** How far this machine's clock is ahead of the server's, which tells whole seconds. */
  readonly clock?: { readonly aheadMs: number; readonly uncertainMs: number } | undefined;
}

const timeoutMs = 5000;

/** Undefined where there is no such page, as on a port for gRPC alone. */
export async function serverPage(url: string, flags: GlobalFlags): Promise<ServerPage | undefined> {
  if (!/^https?:/.test(url)) return undefined;
  const askedMs = Date.now();
  const answer = await get(`${url}/version`, flags);
  if (answer === undefined) return undefined;
  const server = serverOf(answer.body);
  return server === undefined ? undefined : { server, clock: clockOf(answer.date, askedMs, Date.now()) };
}

function serverOf(body: string): string | undefined {
  try {
    const { etcdserver, conclave } = JSON.parse(body) as { etcdserver?: unknown; conclave?: unknown };
    if (typeof etcdserver !== 'string') return undefined;
    return typeof conclave === 'string' ? `conclave ${conclave}, as etcd ${etcdserver}` : `etcd ${etcdserver}`;
  } catch {
    return undefined;
  }
}

/** The second that the server names began at most one second before it answered. */
function clockOf(date: string | undefined, askedMs: number, answeredMs: number): ServerPage['clock'] {
  const secondMs = Date.parse(date ?? '');
  if (Number.isNaN(secondMs)) return undefined;
  const leastMs = askedMs - (secondMs + 1000);
  const mostMs = answeredMs - secondMs;
  return { aheadMs: (leastMs + mostMs) / 2, uncertainMs: (mostMs - leastMs) / 2 };
}

function get(url: string, flags: GlobalFlags): Promise<{ body: string; date: string | undefined } | undefined> {
  const secure = url.startsWith('https:');
  const { ca, cert, key } = secure ? tls(flags) : {};
  const pem = (text: string | Uint8Array | undefined) => (text === undefined ? undefined : Buffer.from(text));
  const options = { timeout: timeoutMs, ca: pem(ca), cert: pem(cert), key: pem(key), agent: false };
  return new Promise((resolve) => {
    const nothing = () => resolve(undefined);
    const asking = (secure ? httpsRequest : httpRequest)(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ body, date: response.headers.date })).on('error', nothing);
    });
    asking.on('timeout', () => asking.destroy()).on('error', nothing);
    asking.end();
  });
}
