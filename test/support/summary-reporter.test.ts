import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('./summary-fixture', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));

/** The last lines that `vitest run` prints for these fixtures, after those of its own reporter. */
function run(...fixtures: string[]): Promise<{ code: number; lines: string[] }> {
  return new Promise((resolve) => {
    const args = [vitest, 'run', '--root', root, ...fixtures];
    const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
    const child = execFile(process.execPath, args, { env }, (_error, stdout) => {
      const lines = stdout.trimEnd().split('\n');
      const start = lines.findLastIndex((line) => line.includes('Duration'));
      const last = lines.slice(start + 1).filter((line) => line !== '');
      resolve({ code: child.exitCode ?? -1, lines: last.map((line) => line.replaceAll(`${root}/`, '')) });
    });
  });
}

describe('the summary', () => {
  it('ends with the counts, after every failure and the reason of every skip', async () => {
    const { code, lines } = await run('mixed', 'good');
    expect(lines).toEqual([
      'failed: mixed.fixture.ts > fails: AssertionError: expected 1 to be 2 // Object.is equality (mixed.fixture.ts:9)',
      'skipped: no docker (1 test)',
      'skipped: no etcd found: nowhere (2 tests)',
      'skipped: a hook of "with a hook that fails" failed (1 test)',
      '2 passed, 1 failed, 4 skipped',
    ]);
    expect(code).toBe(1);
  });

  it('counts a file that does not load as failed', async () => {
    const { code, lines } = await run('broken', 'good');
    expect(lines).toEqual([
      'failed: broken.fixture.ts: Error: this file does not load (broken.fixture.ts:1)',
      '1 passed, 1 failed, 0 skipped',
    ]);
    expect(code).toBe(1);
  });

  it('is one line where nothing failed or was skipped', async () => {
    const { code, lines } = await run('good');
    expect(lines).toEqual(['1 passed, 0 failed, 0 skipped']);
    expect(code).toBe(0);
  });
});
