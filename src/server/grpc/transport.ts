import type { ConnectionSink } from '../net/connection-sink.js';

/**
 * What carries calls over connections that speak HTTP/2. `test/transport` says, frame by frame, what one must do;
 * `GrpcServer`, over `node:http2`, is the one that there is.
 */
export interface Transport extends ConnectionSink {
  /** Open connections and calls. */
  stats(): { readonly sessions: number; readonly calls: number };
}
