import type { Duplex } from 'node:stream';

/** One protocol of the server's port: takes connections whose first bytes (put back, to be read again) speak it. */
export interface ConnectionSink {
  accept(connection: Duplex): void;
  /** Ends what it was given, in order as far as peers let it. Idempotent. */
  close(): Promise<void>;
}
