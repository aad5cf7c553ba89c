import type { Runtime } from '../../core/runtime.js';
import type { ServerLimits } from '../grpc/limits.js';
import type { ReportBug } from '../grpc/serve-call.js';
import type { GrpcService } from '../grpc/service.js';

/** What the gateway's calls work with. */
export interface GatewayEnvironment {
  readonly runtime: Runtime;
  readonly limits: ServerLimits;
  readonly service: GrpcService;
  readonly report: ReportBug;
}

/** A request in JSON: its bytes grow by a third in base64, and names take room too. */
export function maxJsonBytes({ maxMessageBytes }: ServerLimits): number {
  return Math.ceil(maxMessageBytes * 1.4) + 64 * 1024;
}
