import { Connection } from '../../http2/connection.js';
import type { ConnectionListener as WireListener } from '../../http2/connection-listener.js';
import { Http2Error } from '../../http2/http2-error.js';
import { Code } from '../../http2/protocol.js';
import type { ByteSink } from '../../http2/sender.js';
import type { Stream } from '../../http2/stream.js';
import type { RpcPeer } from '../../wire/rpc-service.js';
import type { ServerLimits } from '../grpc/limits.js';
import type { ConnectionListener, ServerConnection } from '../http2/http2.js';
import type { ConnectionFacts } from '../http2/server-stream.js';
import { H2Stream, type StreamOwner } from './h2-stream.js';
import { RateLimit } from './rate-limit.js';
import { RequestHeads } from './request-head.js';
import { ResponseFields } from './response-fields.js';

/** Bytes that may be under way to us, on one stream and on all: as `node:http2` is told, too. */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 8 * 1024 * 1024;

/** Resets that a peer may cause: at once, and a second in the long run (CVE-2023-44487, CVE-2025-8671). */
const resetBurst = 1_000;
const resetsPerSecond = 100;
/** Frames that carry nothing (CVE-2019-9515, CVE-2019-9518). */
const idleBurst = 10_000;
const idlePerSecond = 10_000;
/** Streams above the limit that a peer may open: it may have opened some before it was told of it. */
const maxRefused = 100;
/** A connection for whose streams so much is held, since they are not read, is told of no more room. */
const fullAtHeldBytes = 32 * 1024 * 1024;

const pingPayload = Buffer.from('conclave', 'latin1');

/** The socket, as a connection needs it. */
export interface Wire extends ByteSink {
  /** Calls `fn` once, after what this turn has written could be read. */
  later(fn: () => void): void;
  /** Ends our side, behind what was written. */
  end(): void;
  destroy(): void;
}

export interface H2ConnectionOptions {
  readonly wire: Wire;
  readonly limits: ServerLimits;
  readonly facts: ConnectionFacts & { readonly peer: RpcPeer };
  readonly nowMs: () => number;
}

/** A server's end of a connection, over `src/http2`: what its streams mean, and what a peer may not do too often. */
export class H2Connection implements ServerConnection, StreamOwner, WireListener {
  readonly isSecure: boolean;
  readonly localAddress: string | undefined;
  readonly remoteAddress: string | undefined;
  readonly peer: RpcPeer;
  readonly heads = new RequestHeads();
  readonly responses = new ResponseFields();
  readonly #wire: Wire;
  readonly #nowMs: () => number;
  readonly #connection: Connection;
  readonly #listener: ConnectionListener;
  readonly #resets = new RateLimit(resetBurst, resetsPerSecond);
  readonly #idle = new RateLimit(idleBurst, idlePerSecond);
  readonly #toStop: H2Stream[] = [];
  #streams = 0;
  #refused = 0;
  #heldBytes = 0;
  #hasSettings = false;
  /** GOAWAY was said, or heard: the connection ends with its last stream. */
  #isDraining = false;
  #isEnding = false;
  #isOver = false;

  constructor(options: H2ConnectionOptions, open: (connection: ServerConnection) => ConnectionListener) {
    const { wire, limits, facts, nowMs } = options;
    this.isSecure = facts.isSecure;
    this.localAddress = facts.localAddress;
    this.remoteAddress = facts.remoteAddress;
    this.peer = facts.peer;
    this.#wire = wire;
    this.#nowMs = nowMs;
    const settings = {
      ...{ streamWindowBytes, connectionWindowBytes },
      maxHeaderListBytes: limits.maxHeaderBytes,
      maxStreams: limits.maxStreams,
    };
    this.#connection = new Connection({ role: 'server', settings, sink: wire, listener: this });
    this.#listener = open(this);
  }

  /** Bytes of the peer's. */
  receive(chunk: Buffer): void {
    this.#connection.receive(chunk);
  }

  /** The wire takes more. */
  drained(): void {
    this.#connection.drained();
  }

  /** The wire is gone. Once. */
  lost(): void {
    this.#end();
    this.#listener.onClose();
  }

  drain(): void {
    if (this.#isOver || this.#isDraining) return;
    this.#isDraining = true;
    this.#connection.goAway();
    this.#endWhenIdle();
  }

  ping(): void {
    if (!this.#isOver) this.#connection.ping(pingPayload);
  }

  destroy(): void {
    this.#wire.destroy();
  }

  /** Of `src/http2`. */
  onStream(stream: Stream): H2Stream {
    this.#streams += 1;
    return new H2Stream(this, stream);
  }

  onRefused(): void {
    this.#refused += 1;
    if (this.#refused > maxRefused) this.#giveUp('streams above the limit');
  }

  onSettings(): void {
    this.onIdle();
    if (this.#hasSettings) return;
    this.#hasSettings = true;
    this.#listener.onSettings();
  }

  onPong(payload: Buffer): void {
    if (payload.equals(pingPayload)) this.#listener.onPong();
  }

  onGoAway(): void {
    this.onIdle();
    if (this.#isOver) return;
    this.#listener.onGoAway();
    this.#endWhenIdle();
  }

  /** GOAWAY has been written. */
  onFail(): void {
    this.#end();
    this.#listener.onGoAway();
    this.#wire.end();
  }

  /** Of a stream, as all below. */
  onHead(stream: H2Stream): void {
    this.#listener.onStream(stream);
  }

  stopLater(stream: H2Stream): void {
    if (this.#toStop.push(stream) === 1) this.#wire.later(() => this.#stop());
  }

  onHeld(bytes: number): void {
    this.#heldBytes += bytes;
    this.#connection.isPaused = this.#heldBytes > fullAtHeldBytes;
  }

  onIdle(): void {
    if (!this.#idle.take(this.#nowMs())) this.#giveUp('frames that say nothing');
  }

  onReset(): void {
    if (!this.#resets.take(this.#nowMs())) this.#giveUp('resets');
  }

  onClose(): void {
    this.#streams -= 1;
    if (this.#isEnding && this.#streams === 0) this.#endWire();
  }

  #giveUp(what: string): void {
    this.#connection.fail(new Http2Error(Code.calm, `too many ${what}`));
  }

  #endWhenIdle(): void {
    this.#isEnding = true;
    if (this.#streams === 0) this.#endWire();
  }

  #endWire(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#connection.flush();
    this.#end();
    this.#wire.end();
  }

  #stop(): void {
    for (const stream of this.#toStop.splice(0)) stream.reset(Code.none);
  }

  /** Ends every stream. */
  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.lose();
  }
}
