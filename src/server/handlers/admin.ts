import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import { healthMethods } from '../../wire/admin-methods.js';
import { ServingStatus } from '../../wire/codec/health.js';
import type { UnaryHandler } from '../../wire/rpc-service.js';
import type { Authority } from '../auth/authority.js';
import { authHandlers } from './auth.js';
import { clusterHandlers } from './cluster.js';
import { maintenanceHandlers } from './maintenance.js';
import { unaryHandler } from './unary-handler.js';

/** What is about the server and not about its keys: users, the one member, maintenance, and health probes. */
export function adminHandlers(
  host: EngineHost,
  authority: Authority,
  clientUrls: () => readonly string[],
): UnaryHandler<unknown, unknown>[] {
  return [
    ...authHandlers(host, authority),
    ...clusterHandlers(host, clientUrls),
    ...maintenanceHandlers(host),
    unaryHandler(healthMethods.check, ({ service }) => {
      if (service !== '') throw new ConclaveError('NOT_FOUND', 'unknown service');
      return { status: ServingStatus.serving };
    }),
  ];
}
