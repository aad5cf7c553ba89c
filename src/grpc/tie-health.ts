import type { Registration } from '../registry/registration.js';

/** What `grpc-health-check`'s `HealthImplementation` has, or any service of `grpc.health.v1` of one's own. */
export interface HealthStatuses {
  setStatus(service: string, status: 'SERVING' | 'NOT_SERVING'): void;
}

/** Whatever decides whether the instance is to be called. */
const events = ['status', 'health', 'enabled'] as const;

/**
 * Makes the health service of a gRPC server say what the registry says: `SERVING` while the instance is registered,
 * well, enabled and not draining. While the store is away nothing changes: the server serves as before.
 * @param services names in the health service. Default: `''`, the server as a whole.
 * @returns ends the tie; what was said last stays.
 */
export function tieHealth(
  registration: Registration,
  health: HealthStatuses,
  services: readonly string[] = [''],
): () => void {
  const tell = () => {
    const { status, entry } = registration;
    const serves = status !== 'ended' && !entry.draining && entry.healthy && entry.enabled;
    for (const service of services) health.setStatus(service, serves ? 'SERVING' : 'NOT_SERVING');
  };
  for (const event of events) registration.events.on(event, tell);
  tell();
  return () => {
    for (const event of events) registration.events.off(event, tell);
  };
}
