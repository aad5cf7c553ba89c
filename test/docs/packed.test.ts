import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';
import { describeEtcd } from '../support/etcd.js';

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/** What a user has who installed the tarball into an empty folder: its files, and the dependencies it names. */
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conclave-packed-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
  });
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  const installed = join(folder, 'node_modules', 'conclave');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(folder, packed?.filename ?? ''), '-C', installed, '--strip-components=1']);
  const { dependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  await mkdir(join(installed, 'node_modules'));
  for (const name of Object.keys(dependencies)) {
    const link = join(installed, 'node_modules', name);
    await mkdir(resolve(link, '..'), { recursive: true });
    await symlink(join(root, 'node_modules', name), link);
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

async function runExample(text: string, target: string): Promise<string> {
  await writeFile(join(folder, 'example.js'), text);
  const { stdout } = await run(process.execPath, ['example.js', target], { cwd: folder, timeout: 20_000 });
  return stdout;
}

async function readmeExample(): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  return /```js\n(.*?)```/s.exec(readme)?.[1] ?? expect.fail('the README has no example');
}

const expected = expect.stringMatching(
  /^order 42 is ours until we let go; fence \d+\npaid, and only while we held the lock\nhost-7 leads in term \d+\n$/,
);

describe('the packed tarball, in an empty folder', () => {
  it('holds what a user needs and nothing of the workshop', async () => {
    const files = await readdir(join(folder, 'node_modules', 'conclave'));
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist', 'docs', 'package.json', 'src']),
    );
    for (const unwanted of ['test', 'examples', '.ci', 'bench']) expect(files).not.toContain(unwanted);
  });

  it('runs the README example, which fits into fifteen lines, on memory:', async () => {
    const example = await readmeExample();
    expect(example.trimEnd().split('\n').length).toBeLessThanOrEqual(17);
    expect(await runExample(example, 'memory:')).toEqual(expected);
  });

  it('runs the README example on our own server', async () => {
    const server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
    try {
      expect(await runExample(await readmeExample(), server.url)).toEqual(expected);
    } finally {
      await server.close();
    }
  });

  it('has the command, which finds its parts and its packages', async () => {
    const installed = join(folder, 'node_modules', 'conclave');
    const { bin, version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
      bin: { conclave: string };
      version: string;
    };
    const conclave = (...args: string[]) => run(process.execPath, [join(installed, bin.conclave), ...args]);
    expect((await conclave('--version')).stdout).toBe(`${version}\n`);
    expect((await conclave('lock', 'x', '--url', 'memory:', 'echo', 'ran')).stdout).toBe('ran\n');
  });

  it('can be required from CommonJS', async () => {
    await writeFile(join(folder, 'example.cjs'), "console.log(typeof require('conclave').connect)");
    const { stdout } = await run(process.execPath, ['example.cjs'], { cwd: folder });
    expect(stdout).toBe('function\n');
  });

  it('has types that a strict consumer can compile against', async () => {
    await writeFile(
      join(folder, 'example.ts'),
      `import { connect, type Held } from 'conclave';
       export async function example(): Promise<bigint> {
         await using conclave = await connect('memory:');
         await using held: Held = await conclave.lock('x', { timeoutMs: 5_000 });
         return conclave.withLock('y', ({ fence }) => fence + held.fence);
       }`,
    );
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const flags = [
      '--strict',
      '--noEmit',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2022,esnext.disposable',
    ];
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types'), '--skipLibCheck'];
    await run(process.execPath, [tsc, 'example.ts', ...flags, ...types], { cwd: folder });
  }, 60_000);
});

describeEtcd('the packed tarball on real etcd', (etcd) => {
  it('runs the README example', async () => {
    expect(await runExample(await readmeExample(), etcd.url)).toEqual(expected);
  });
});
