import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it, vi } from 'vitest';
import { openStore } from '../../src/connect/open-store.js';
import { utf8 } from '../../src/core/bytes.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';
import { put } from '../../src/store/ops.js';
import { builtPackage } from '../cli/support/built.js';
import { Program } from '../cli/support/program.js';

vi.setConfig({ testTimeout: 60_000 });

const blockLoop = new URL('support/block-loop.js', import.meta.url).href;
const script = fileURLToPath(new URL('../../scripts/lease-trial.js', import.meta.url));

/** What the script, which measures from outside, says of a server on this runtime. */
async function trialOf(runtime: NodeRuntime, ...flags: string[]) {
  const server = await startServer({ runtime, listen: { host: '127.0.0.1', port: 0 } });
  try {
    const args = [script, '--url', server.url, '--leases', '200', '--ttl', '2', ...flags];
    return await new Program(process.execPath, args, {
      CONCLAVE_DIST: pathToFileURL(`${builtPackage()}/dist/`).href,
    }).ended();
  } finally {
    await server.close();
  }
}

class FastClock extends NodeRuntime {
  override monotonicMs(): number {
    return super.monotonicMs() * 1.25;
  }

  override setTimer(delayMs: number, fn: () => void): () => void {
    return super.setTimer(delayMs / 1.25, fn);
  }
}

class LateTimers extends NodeRuntime {
  override setTimer(delayMs: number, fn: () => void): () => void {
    return super.setTimer(delayMs + 200, fn);
  }
}

it('no lease ends early, seen from outside on real time', async () => {
  const { code, stdout } = await trialOf(new NodeRuntime());
  expect(stdout).toMatch(/^200 leases: 0 early, 0 never ended; late by p50 /);
  expect(code).toBe(0);
});

it('leases that end early, or late, would be seen', async () => {
  const early = await trialOf(new FastClock());
  expect(early.stdout).toMatch(/^200 leases: [1-9]\d* early, 0 never ended/);
  expect(early.code).toBe(1);
  const late = await trialOf(new LateTimers(), '--max-p99-ms', '50');
  expect(late.stdout).toMatch(/^200 leases: 0 early, 0 never ended/);
  expect(late.code).toBe(1);
});

/** Whether a lease of 2 s, whose heartbeat is on its way, outlives a server whose loop is blocked for 3 s. */
async function outlivesBlockedLoop(env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  // As modules: in the command as the package has it nothing can be planted.
  const args = [join(builtPackage(), 'dist/cli/main.js'), 'serve', '--listen', '127.0.0.1:0', '--json'];
  await using server = new Program(process.execPath, args, { NODE_OPTIONS: `--import=${blockLoop}`, ...env });
  const { url } = JSON.parse(await server.line()) as { url: string };
  const { store, close } = await openStore(url, {}, new NodeRuntime());
  try {
    const { id } = await store.leaseGrant({ ttl: 2n });
    await store.txn({ success: [put('k', 'v', { leaseId: id })] });
    server.kill('SIGUSR2');
    expect(await server.line()).toBe('blocked');
    const { ttl } = await store.leaseKeepAlive({ id });
    const { count } = await store.range({ key: utf8('k') });
    expect(count).toBe(ttl > 0n ? 1n : 0n);
    return ttl > 0n;
  } finally {
    await close();
  }
}

it('a loop that is blocked for longer than a TTL loses no lease whose heartbeat is on its way', async () => {
  expect(await outlivesBlockedLoop()).toBe(true);
  const deaf = { BLOCK_LOOP_WITHOUT: join(builtPackage(), 'dist/engine/loop-gap.js') };
  expect(await outlivesBlockedLoop(deaf)).toBe(false);
});
