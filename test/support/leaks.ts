import { afterEach, beforeEach, expect } from 'vitest';
import type { EngineHost } from '../../src/engine/engine-host.js';
import type { SimRuntime } from '../../src/sim/sim-runtime.js';
import { TimerWatch } from './timer-watch.js';

/** What keeps a Node process alive and is ours to close; timers are watched by `TimerWatch`. */
const watched: ReadonlySet<string> = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'TCPConnectWrap',
  'TLSWrap',
  'PipeConnectWrap',
  'ProcessWrap',
  'UDPWrap',
  'StatWatcher',
  'FSEventWrap',
]);

/** How many looks, and how far apart: a socket that was closed leaves the list some turns of the loop later. */
const looks = 100;
const lookEveryMs = 10;

/**
 * Call it once in a suite: after each of its tests no timer, socket, server or process may be there that was not there
 * before. Call it first, so that its check comes after all other clean-up.
 */
export function expectNoLeaks(): void {
  let watch: LeakWatch;
  beforeEach(() => {
    watch = new LeakWatch();
  });
  afterEach(async () => {
    const leaks = await watch.leaks();
    watch.stop();
    expect(leaks, 'left behind by the test').toEqual([]);
  });
}

/** What has come since this was made and is not gone. */
export class LeakWatch {
  readonly #before = activeResources();
  readonly #timers = new TimerWatch();

  constructor() {
    this.#timers.start();
  }

  stop(): void {
    this.#timers.stop();
  }

  /**
   * As `TCPSocketWrap x2`, timers with the line that started them. Looks again for a second before it says so: support
   * code, no test waits for time, and where nothing leaks the first look is enough.
   */
  async leaks(most = looks): Promise<string[]> {
    for (let look = 1; ; look++) {
      const leaks = [...this.#timers.pending, ...this.#resources()];
      if (leaks.length === 0 || look === most) return leaks;
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  #resources(): string[] {
    return [...activeResources()].flatMap(([name, count]) => {
      const more = count - (this.#before.get(name) ?? 0);
      return more > 0 ? [`${name} x${more}`] : [];
    });
  }
}

/** Counts by kind, the runner's own included. */
function activeResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    if (watched.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** On simulated time: every timer has run or was taken back. */
export function expectNoTimers(runtime: SimRuntime): void {
  expect(runtime.pendingTimers, 'timers left behind').toBe(0);
}

/** Every lease and watch of the test is gone. */
export function expectIdle(host: EngineHost): void {
  expect(host.stats(), 'left behind in the store').toMatchObject({ leases: 0, watchers: 0 });
}
