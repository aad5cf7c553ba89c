import { experimental } from '@grpc/grpc-js';
import type { DiscoverOptions } from '../registry/discovery.js';
import type { FormatOptions, Registry } from '../registry/registry.js';
import { authorityOf, InstanceResolver } from './instance-resolver.js';

/** Which instances a channel uses. Balancing is grpc-js's own: `round_robin`, `outlier_detection`, … */
export interface ResolverOptions
  extends FormatOptions,
    Pick<DiscoverOptions, 'filter' | 'zone' | 'subset' | 'massExpiry'> {
  /** What stands before `:///` in a target. Default: `conclave` and `etcd`. */
  readonly schemes?: readonly string[] | undefined;
}

/**
 * Lets every client of `@grpc/grpc-js` in this process call services by their names in `registry`:
 * `new UsersClient('conclave:///users', credentials)`. Registering a scheme again counts for channels made later.
 *
 * grpc-js keeps its resolvers per copy of the package and calls that interface experimental: this is written for 1.14.
 * @throws Error when grpc-js has no resolvers to register any more.
 */
export function registerResolver(registry: Registry, options: ResolverOptions = {}): void {
  const { schemes = ['conclave', 'etcd'], zone, ...rest } = options;
  if (typeof experimental.registerResolver !== 'function' || typeof experimental.statusOrFromValue !== 'function') {
    throw new Error('this version of @grpc/grpc-js takes no resolvers: conclave/grpc is written for 1.14');
  }
  const site = { discover: (service: string) => registry.discover(service, { ...rest, ejection: false }), zone };
  const ForChannel = class extends InstanceResolver {
    static getDefaultAuthority = authorityOf;

    constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener) {
      super(site, target, listener);
    }
  };
  for (const scheme of schemes) experimental.registerResolver(scheme, ForChannel);
}
