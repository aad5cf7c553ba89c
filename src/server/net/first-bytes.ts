import type { Duplex } from 'node:stream';

export type Protocol = 'http2' | 'other';

/** The client's HTTP/2 preface begins so; no method of HTTP/1 does (RFC 9113, 3.4, keeps `PRI` for it). */
const prefaceStart = Buffer.from('PRI ', 'latin1');

/**
 * Reads the first bytes of `connection`, puts them back and calls `onProtocol`. The function returned gives up; a
 * connection that ends or fails before is not reported.
 */
export function detectProtocol(connection: Duplex, onProtocol: (protocol: Protocol) => void): () => void {
  let seen: Buffer = Buffer.alloc(0);
  const onReadable = () => {
    const chunk: Buffer | null = connection.read();
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const protocol = protocolOf(seen);
    // What is put back is readable at once: before it is decided, that would go round and round for a single `P`.
    if (protocol === undefined) return;
    stop();
    connection.unshift(seen);
    onProtocol(protocol);
  };
  const stop = () => connection.off('readable', onReadable);
  connection.on('readable', onReadable);
  return stop;
}

/** Undefined while the bytes could be either. */
export function protocolOf(start: Buffer): Protocol | undefined {
  const length = Math.min(start.length, prefaceStart.length);
  if (Buffer.compare(start.subarray(0, length), prefaceStart.subarray(0, length)) !== 0) return 'other';
  return length === prefaceStart.length ? 'http2' : undefined;
}
