// What gRPC services and their callers import as `conclave/grpc`.
export { type ResolverOptions, registerResolver } from './register-resolver.js';
export { type HealthStatuses, tieHealth } from './tie-health.js';
