import { ConclaveError } from '../core/errors.js';

/** What a connection string names. */
export type Target =
  /** An embedded store; with a name the one that everybody in this process shares. */
  | { readonly type: 'memory'; readonly name: string | undefined }
  /** etcd, or `conclave serve`, on any of these endpoints. */
  | {
      readonly type: 'endpoints';
      readonly secure: boolean;
      /** `host:port` each. */
      readonly endpoints: readonly string[];
    };

const defaultPort = '2379';

/**
 * Reads `memory:`, `memory:name`, `http://a:2379,b:2379` or `https://…`. Endpoints after the first may leave out the
 * scheme, ports default to 2379.
 * @throws ConclaveError `INVALID_URL`, or `UNSUPPORTED` for `file:`.
 */
export function parseTarget(text: string): Target {
  if (typeof text !== 'string' || text.trim() === '') throw invalid(String(text), 'it is empty');
  if (text.startsWith('memory:')) return { type: 'memory', name: text.slice('memory:'.length) || undefined };
  if (text.startsWith('file:')) {
    throw new ConclaveError('UNSUPPORTED', `${text}: embedded stores on disk are not there yet; memory: is`);
  }
  const parts = text.split(',').map((each) => each.trim());
  const scheme = /^(https?):\/\//.exec(parts[0] ?? '')?.[1] ?? (parts[0]?.includes('://') ? undefined : 'http');
  if (scheme === undefined) throw invalid(text, 'it must start with http://, https:// or memory:');
  return {
    type: 'endpoints',
    secure: scheme === 'https',
    endpoints: parts.map((each) => endpoint(text, scheme, each)),
  };
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
