/** What one peer may take of the server. Every bound has a test in `test/server`. */
export interface ServerLimits {
  /** Bytes of one received message, as etcd: 1.5 MiB of request and 512 KiB of room. */
  readonly maxMessageBytes: number;
  /** Bytes of messages that have begun to arrive and are not complete, per connection. */
  readonly maxPartialBytes: number;
  /** Bytes of the answer to a unary call. */
  readonly maxAnswerBytes: number;
  /** Bytes that wait for a slow reader, per stream. One message more may wait: it is checked before adding. */
  readonly maxUnsentBytes: number;
  /** The same, of all streams of one connection. */
  readonly maxSessionUnsentBytes: number;
  /** Calls open at a time, per connection. */
  readonly maxStreams: number;
  /** Bytes of one call's headers. */
  readonly maxHeaderBytes: number;
  /** Connections, altogether and from one address. */
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  /** From the connection to the first bytes of the HTTP/2 preface, and from there to the client's SETTINGS. */
  readonly handshakeTimeoutMs: number;
  /** From the first byte of a message, or from the start of a unary call, to the message's last byte. */
  readonly messageTimeoutMs: number;
  /** A connection without calls is closed after this, counted in whole `pingIntervalMs`. */
  readonly idleTimeoutMs: number;
  /** An HTTP/1.1 connection is closed when the next request's head is not there so long after the last answer. */
  readonly httpIdleTimeoutMs: number;
  /**
   * Each connection is asked for a sign of life this often, and must give it within `pingTimeoutMs`; one that says
   * GOAWAY has as long for the calls it has open.
   */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** How long `close` waits for calls under way, and then for peers to take the last bytes. */
  readonly closeGraceMs: number;
}

export const defaultLimits: ServerLimits = {
  maxMessageBytes: 2 * 1024 * 1024,
  maxPartialBytes: 32 * 1024 * 1024,
  maxAnswerBytes: 64 * 1024 * 1024,
  maxUnsentBytes: 8 * 1024 * 1024,
  maxSessionUnsentBytes: 128 * 1024 * 1024,
  maxStreams: 1_000,
  maxHeaderBytes: 16 * 1024,
  maxSessions: 1_000,
  maxSessionsPerAddress: 200,
  handshakeTimeoutMs: 5_000,
  messageTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  httpIdleTimeoutMs: 60_000,
  pingIntervalMs: 60_000,
  pingTimeoutMs: 20_000,
  closeGraceMs: 1_000,
};
