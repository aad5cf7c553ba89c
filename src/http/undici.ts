// The same for undici's dispatchers, as `conclave/undici`: undici is a peer that need not be there.
export type { RetryOptions } from './attempts.js';
export { serviceInterceptor } from './service-interceptor.js';
