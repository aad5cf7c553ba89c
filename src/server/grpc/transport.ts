import type { ConnectionSink } from '../net/connection-sink.js';

/** What carries calls over connections that speak HTTP/2: `GrpcServer`, over whatever `Http2` it is given. */
export interface Transport extends ConnectionSink {
  /** Open connections and calls. */
  stats(): { readonly sessions: number; readonly calls: number };
}
