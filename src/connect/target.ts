import { ConclaveError } from '../core/errors.js';

/** What a connection string names. */
export type Target =
  /** An embedded store; with a name the one that everybody in this process shares. */
  | { readonly type: 'memory'; readonly name: string | undefined }
  /** An embedded store on disk: its directory. */
  | { readonly type: 'file'; readonly dir: string }
  /** etcd, or `conclave serve`, on any of these endpoints. */
  | {
      readonly type: 'endpoints';
      readonly secure: boolean;
      /** `host:port` each. */
      readonly endpoints: readonly string[];
    };

const defaultPort = '2379';

/**
 * Reads `memory:`, `memory:name`, `file:dir`, `http://a:2379,b:2379` or `https://…`. Endpoints after the first may
 * leave out the scheme, ports default to 2379.
 * @throws ConclaveError `INVALID_URL`.
 */
export function parseTarget(text: string): Target {
  if (typeof text !== 'string' || text.trim() === '') throw invalid(String(text), 'it is empty');
  if (text.startsWith('memory:')) return { type: 'memory', name: text.slice('memory:'.length) || undefined };
  if (text.startsWith('file:')) return { type: 'file', dir: directory(text) };
  const parts = text.split(',').map((each) => each.trim());
  const scheme = /^(https?):\/\//.exec(parts[0] ?? '')?.[1] ?? (parts[0]?.includes('://') ? undefined : 'http');
  if (scheme === undefined) throw invalid(text, 'it must start with http://, https://, file: or memory:');
  return {
    type: 'endpoints',
    secure: scheme === 'https',
    endpoints: parts.map((each) => endpoint(text, scheme, each)),
  };
}

/** `file:data`, `file:./data`, `file:/var/data` or `file:///var/data`. */
function directory(text: string): string {
  const path = text.slice('file:'.length);
  if (path === '' || path.includes('\0')) throw invalid(text, 'it names no directory');
  if (path.startsWith('//') && !path.startsWith('///'))
    throw invalid(text, 'a directory of this machine, as file:./data');
  return path.startsWith('///') ? path.slice(2) : path;
}

function endpoint(text: string, scheme: string, part: string): string {
  const withScheme = part.includes('://') ? part : `${scheme}://${part}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw invalid(text, `${JSON.stringify(part)} is no endpoint`);
  }
  if (url.protocol !== `${scheme}:`) throw invalid(text, 'http and https cannot be mixed');
  if (url.username !== '' || url.password !== '') {
    throw invalid(text, 'user name and password belong in the options, where no log shows them');
  }
  if (part === '' || url.hostname === '' || (url.pathname !== '/' && url.pathname !== '') || url.search || url.hash) {
    throw invalid(text, `${JSON.stringify(part)} is no endpoint: host and port, nothing else`);
  }
  // URL drops a port that is the scheme's default, though it was written.
  const port = url.port || (/:(80|443)\/?$/.exec(part)?.[1] ?? defaultPort);
  return `${url.hostname}:${port}`;
}

function invalid(text: string, why: string): ConclaveError {
  const shown = text.replace(/\/\/[^/@,]*@/g, '//…@');
  return new ConclaveError('INVALID_URL', `${JSON.stringify(shown)} is no connection string: ${why}`);
}
