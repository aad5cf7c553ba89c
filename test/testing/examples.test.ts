import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { builtPackage } from '../cli/support/built.js';

const run = promisify(execFile);
const vitest = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs');

/** What was printed, without colours; a failing run rejects with all of it. */
async function output(args: readonly string[], folder: string): Promise<string> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = await run(process.execPath, args, {
    cwd: folder,
    env: { ...env, NO_COLOR: '1' },
    timeout: 60_000,
  });
  return stdout;
}

describe('examples/testing, as a user runs it', () => {
  const folder = join(builtPackage(), 'examples', 'testing');

  it('passes under vitest', async () => {
    expect(await output([vitest, 'run', '--root', join(folder, 'vitest')], folder)).toMatch(/Tests {2}4 passed \(4\)/);
  }, 60_000);

  it('passes under node --test', async () => {
    const text = await output(['--test', '--test-reporter=tap', join('node-test', 'scheduler.test.js')], folder);
    expect(text).toMatch(/# pass 2\n# fail 0/);
  }, 60_000);
});
