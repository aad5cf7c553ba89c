import type { RpcService } from '../../wire/rpc-service.js';

/** An `RpcService` that can tell an unknown method from an unknown service. */
export interface GrpcService extends RpcService {
  /** `name` is `package.Service`. */
  hasService(name: string): boolean;
}

/** What grpc-go answers, with UNIMPLEMENTED, to a path that leads nowhere. */
export function unknownMethod(service: GrpcService, path: string): string {
  const slash = path.lastIndexOf('/');
  if (!path.startsWith('/') || slash < 1) return `malformed method name: ${JSON.stringify(path)}`;
  const name = path.slice(1, slash);
  const method = path.slice(slash + 1);
  return service.hasService(name) ? `unknown method ${method} for service ${name}` : `unknown service ${name}`;
}
