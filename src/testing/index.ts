// For applications: test what your service does when the store, the network or the process fails.

// For other libraries: simulated time, histories, and a checker per promise.
export type { ClockReading, Runtime } from '../core/runtime.js';
export * as checkers from '../sim/checkers/index.js';
export {
  decodeHistory,
  type Entry,
  encodeHistory,
  type History,
  mergeHistories,
  type Pending,
  type Plain,
  Recorder,
  type RecorderOptions,
} from '../sim/history.js';
export { SimRuntime, type SimRuntimeOptions } from '../sim/sim-runtime.js';
export type { Direction, DuplicateOptions, LoseOptions } from './client-faults.js';
export type { Awaitable } from './condition.js';
export { createTestCluster, forEachSeed, type TestClusterOptions } from './create-test-cluster.js';
export type { Fault } from './fault.js';
export type { LeftBehind } from './left-behind.js';
export type { MessageName } from './message-name.js';
export type { TestConnectOptions } from './test-client.js';
export type { TestCluster } from './test-cluster.js';
export type { UntilOptions } from './test-time.js';
