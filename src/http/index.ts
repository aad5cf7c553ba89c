// What callers of services over HTTP import as `conclave/http`.
export type { RetryOptions } from './attempts.js';
export { type ServiceFetch, type ServiceFetchOptions, serviceFetch } from './service-fetch.js';
