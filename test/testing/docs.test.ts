import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../../src/testing/test-cluster.js';
import { builtPackage } from '../cli/support/built.js';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

describe('docs/TESTING.md', () => {
  let text: string;
  let blocks: string[];

  beforeAll(async () => {
    text = await readFile(join(root, 'docs/TESTING.md'), 'utf8');
    blocks = [...text.matchAll(/```js\n(.*?)```/gs)].map(([, block]) => block ?? '');
  });

  it('begins with a program that does what it says', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', blocks[0] ?? ''], {
      cwd: builtPackage(),
      timeout: 20_000,
    });
    expect(stdout).toBe('false true\n');
  }, 30_000);

  it('shows the examples as they are', async () => {
    const files = ['scheduler.js', 'vitest/scheduler.test.js', 'node-test/scheduler.test.js'];
    const sources = await Promise.all(files.map((file) => readFile(join(root, 'examples/testing', file), 'utf8')));
    const shown = blocks.slice(1, 4);
    expect(shown).toHaveLength(3);
    shown.forEach((block, i) => {
      for (const part of block.split(/\n(?=it\()/)) expect(sources[i]).toContain(part.trim());
    });
  });

  it('names everything that a cluster can do, and no fault that it cannot', () => {
    const members = Object.getOwnPropertyNames(TestCluster.prototype).filter((name) => name !== 'constructor');
    const missing = members.filter((name) => !new RegExp(`\\b${name}\\b`).test(text));
    expect(missing).toEqual([]);
    const faults = [...text.matchAll(/^\| `(\w+)\(/gm)].map(([, name]) => name);
    expect(faults.length).toBeGreaterThan(14);
    expect(faults.filter((name) => name === undefined || !members.includes(name))).toEqual([]);
  });
});
