import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { ServerLimits } from '../grpc/limits.js';
import type { ConnectionListener, Http2, ServerConnection } from '../http2/http2.js';
import { ResetCode } from '../http2/server-stream.js';
import { headerBytes } from './header-bytes.js';
import { NodeConnection } from './node-connection.js';
import { NodeStream } from './node-stream.js';

/** A peer that sends this many malformed frames, or streams that are refused, has its connection ended. */
const maxInvalidFrames = 100;
const maxRejectedStreams = 100;
/** Megabytes that nghttp2 may hold for one connection beyond its streams' own bounds. */
const maxSessionMemoryMb = 64;

interface Opened {
  readonly connection: NodeConnection;
  readonly listener: ConnectionListener;
}

/** HTTP/2 as Node has it: nghttp2, with a JavaScript stream for each of its own. */
export class NodeHttp2 implements Http2 {
  readonly #server: Http2Server;
  readonly #maxHeaderBytes: number;
  readonly #connections = new Map<ServerHttp2Session, Opened>();
  #open: ((connection: ServerConnection) => ConnectionListener) | undefined;

  constructor({ maxStreams, maxHeaderBytes }: ServerLimits) {
    this.#maxHeaderBytes = maxHeaderBytes;
    this.#server = createServer({
      settings: {
        enablePush: false,
        maxConcurrentStreams: maxStreams,
        maxHeaderListSize: maxHeaderBytes,
        initialWindowSize: 1024 * 1024,
      },
      maxSessionInvalidFrames: maxInvalidFrames,
      maxSessionRejectedStreams: maxRejectedStreams,
      maxSessionMemory: maxSessionMemoryMb,
    });
    this.#server.on('session', (session) => this.#onSession(session));
    this.#server.on('stream', (stream, headers) => this.#onStream(stream, headers));
  }

  /** Node makes the session while it is told of the connection. */
  connect(socket: Duplex, open: (connection: ServerConnection) => ConnectionListener): void {
    this.#open = open;
    this.#server.emit('connection', socket);
    this.#open = undefined;
  }

  #onSession(session: ServerHttp2Session): void {
    const open = this.#open;
    if (open === undefined) return;
    session.setLocalWindowSize(8 * 1024 * 1024);
    const connection = new NodeConnection(session);
    const listener = open(connection);
    this.#connections.set(session, { connection, listener });
    session.once('close', () => this.#connections.delete(session));
    connection.listen(listener);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const opened = this.#connections.get(stream.session as ServerHttp2Session);
    if (opened === undefined) return;
    const served = new NodeStream(stream, headers, opened.connection);
    if (headerBytes(headers) > this.#maxHeaderBytes) served.reset(ResetCode.calm);
    else opened.listener.onStream(served);
  }
}
