import type { Http2Error } from './http2-error.js';
import type { PeerSettings } from './settings.js';
import type { Stream, StreamListener } from './stream.js';

/** What is heard of a connection. */
export interface ConnectionListener {
  /**
   * A server's peer opens a stream; its head is told to the listener returned. Undefined: it is refused, and may be
   * tried elsewhere. Never called for a client, whose peer may open none.
   */
  onStream(stream: Stream): StreamListener | undefined;
  /** A stream above our own MAX_CONCURRENT_STREAMS was refused: the peer may not have known of that yet. */
  onRefused?(): void;
  /** The peer's settings, first of all and whenever they change. */
  onSettings(settings: PeerSettings): void;
  onPong(payload: Buffer): void;
  /** The peer takes no new streams; those above `lastStream` it has not looked at and never will. */
  onGoAway(lastStream: number, code: number, text: string): void;
  /** The peer broke a rule: GOAWAY has been handed to the sink, which is to be closed behind it. Called once. */
  onFail(error: Http2Error): void;
}
