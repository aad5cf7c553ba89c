import { ConclaveError } from '../core/errors.js';
import { NodeRuntime } from '../node/node-runtime.js';
import { RealTime } from './real-time.js';
import { SimulatedTime } from './simulated-time.js';
import { TestCluster } from './test-cluster.js';

export interface TestClusterOptions {
  /** Decides every delay, id and clock: the same seed, the same run. Default: 1. */
  readonly seed?: number | undefined;
  /**
   * `simulated`: time stands still but for what messages need, and passes when the test says so; code under test must
   * take its time from the cluster. `real`: time passes by itself; for code under test with timers or I/O of its own.
   * Default: `simulated`.
   */
  readonly time?: 'simulated' | 'real' | undefined;
  /** How long a message is on its way, in milliseconds. Default: 0.5 to 3 in simulated time, 0 in real time. */
  readonly network?: { readonly minMs: number; readonly maxMs: number } | undefined;
}

/**
 * A store, a network and clients for tests, all in this process; nothing listens, nothing is written to disk. Whoever
 * makes one closes it: `await using`, or `close()`.
 * @throws ConclaveError `INVALID_ARGUMENT` for a seed that is no whole number from 0 to 2^53 - 1, or a network that is
 * none.
 */
export async function createTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { seed = 1, time = 'simulated' } = options;
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ConclaveError('INVALID_ARGUMENT', `seed must be a whole number from 0 to 2^53 - 1, got ${seed}`);
  }
  const network = options.network ?? (time === 'real' ? { minMs: 0, maxMs: 0 } : { minMs: 0.5, maxMs: 3 });
  if (!(network.minMs >= 0 && network.maxMs >= network.minMs && Number.isFinite(network.maxMs))) {
    throw new ConclaveError('INVALID_ARGUMENT', 'network must be { minMs, maxMs } with 0 <= minMs <= maxMs');
  }
  const describe = (): string => cluster.describe();
  const cluster: TestCluster = new TestCluster({ seed, network, ...timeOf(time, seed, describe) });
  return cluster;
}

/**
 * Runs `test` once per seed, each time with a cluster of its own, which it closes. The first failure rejects, names its
 * seed and has the test's own error as its `cause`; play that one again with `{ seed }`.
 */
export async function forEachSeed(
  seeds: Iterable<number> | number,
  test: (cluster: TestCluster) => Promise<void>,
  options: Omit<TestClusterOptions, 'seed'> = {},
): Promise<void> {
  const each = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds;
  for (const seed of each) {
    const cluster = await createTestCluster({ ...options, seed });
    try {
      await test(cluster);
    } catch (error) {
      const { message } = error instanceof Error ? error : { message: String(error) };
      throw new Error(`seed ${seed}: ${message}`, { cause: error });
    } finally {
      await cluster.close();
    }
  }
}

function timeOf(time: 'simulated' | 'real', seed: number, describe: () => string) {
  if (time === 'simulated') return { time: new SimulatedTime(seed, describe), wallMs: () => undefined };
  if (time !== 'real') throw new ConclaveError('INVALID_ARGUMENT', `time must be simulated or real, got ${time}`);
  const host = new NodeRuntime();
  return { time: new RealTime(seed, host, describe), wallMs: () => host.clocks().wallMs };
}
