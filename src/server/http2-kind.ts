import type { Runtime } from '../core/runtime.js';
import type { ServerLimits } from './grpc/limits.js';
import type { ReportBug } from './grpc/serve-call.js';
import { H2 } from './h2/h2.js';
import type { Http2 } from './http2/http2.js';
import { NodeHttp2 } from './http2-node/node-http2.js';

/** What speaks HTTP/2: our own (`h2/`), or Node's. */
export type Http2Kind = 'own' | 'node';

export function http2Of(kind: Http2Kind, runtime: Runtime, limits: ServerLimits, report: ReportBug): Http2 {
  return kind === 'node' ? new NodeHttp2(limits) : new H2(runtime, limits, report);
}
