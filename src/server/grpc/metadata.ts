import type { IncomingHttpHeaders } from 'node:http2';

/**
 * The caller's own headers, without HTTP/2's and gRPC's. The object has no prototype: names come from the peer.
 * Binary metadata (`-bin`) is left out; no method of etcd takes any.
 */
export function metadataOf(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = Object.create(null);
  for (const name in headers) {
    if (isReserved(name)) continue;
    const value = headers[name];
    if (value !== undefined) metadata[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return metadata;
}

function isReserved(name: string): boolean {
  if (name.startsWith(':') || name.startsWith('grpc-') || name.endsWith('-bin')) return true;
  return name === 'content-type' || name === 'te' || name === 'user-agent' || name === 'accept-encoding';
}
