import type { Duplex } from 'node:stream';
import type { RpcPeer } from '../../wire/rpc-service.js';
import type { ConnectionFacts, ServerStream } from './server-stream.js';

/**
 * HTTP/2 below the calls: frames, header blocks, windows, settings and the floods made of them. `test/transport` says,
 * frame by frame, what one must do. It opens no socket and keeps no time.
 */
export interface Http2 {
  /** Takes a connection whose first byte is the preface's. `open` is called once, before this returns. */
  connect(socket: Duplex, open: (connection: ServerConnection) => ConnectionListener): void;
}

export interface ServerConnection extends ConnectionFacts {
  readonly peer: RpcPeer;
  /** Says GOAWAY, takes no more streams and ends when the last has. */
  drain(): void;
  /** Asks for a sign of life, if it can on a connection that is ending; `onPong` tells of it. */
  ping(): void;
  /** Ends it, and all streams. */
  destroy(): void;
}

export interface ConnectionListener {
  /** The peer's first settings: the handshake is over. */
  onSettings(): void;
  onStream(stream: ServerStream): void;
  onPong(): void;
  onGoAway(): void;
  /** Once, after all streams' own. */
  onClose(): void;
}
