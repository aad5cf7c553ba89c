import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('npm run test:cluster starts, and says what it takes', () => {
  const start = fileURLToPath(new URL('./start.js', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [start, '--workload', 'none'], { encoding: 'utf8' });
  expect(stderr).toMatch(/^no workload is called none: there are lock, .*\nnpm run test:cluster -- /);
  expect(status).toBe(2);
});
