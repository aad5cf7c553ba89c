import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/index.js';
import { builtPackage } from '../cli/support/built.js';
import { Program } from '../cli/support/program.js';
import { cannotTrace } from '../support/kernel-tools.js';
import { describeSkipped } from '../support/skip.js';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'conclave-file-'));
});

afterEach(() => rm(dir, { recursive: true }));

it("connect('file:…') keeps what is there for whoever opens it next, with syncs or without", async () => {
  const value = 'v'.repeat(100_000);
  for (const [i, fsync] of [false, true, false].entries()) {
    await using conclave = await connect(`file:${dir}`, { fsync });
    for (let k = 0; k < i; k++) expect((await conclave.get(`k${k}`))?.value.toString()).toBe(value);
    await conclave.put(`k${i}`, value);
  }
});

const syncs = () => {
  it.each([
    [{}, 'to sync', true],
    [{ fsync: true }, 'to sync', true],
    [{ fsync: false }, 'for nothing', false],
  ])('with %j: %s, and kill -9 takes nothing', async (options, _what, syncing) => {
    const trace = join(dir, 'trace');
    const script = `
      const { connect } = await import(${JSON.stringify(join(builtPackage(), 'dist', 'index.js'))});
      const conclave = await connect('file:${join(dir, 'data')}', ${JSON.stringify(options)});
      await conclave.put('k', 'v');
      console.log('acknowledged');
      process.kill(process.pid, 'SIGKILL');`;
    const strace = ['-f', '-qq', '-o', trace, '-e', 'trace=fsync,fdatasync'];
    await using program = new Program('strace', [...strace, process.execPath, '--input-type=module', '-e', script]);
    expect(await program.line()).toBe('acknowledged');
    await program.ended();
    expect(/f(data)?sync\(/.test(await readFile(trace, 'utf8'))).toBe(syncing);
    await using conclave = await connect(`file:${join(dir, 'data')}`);
    expect((await conclave.get('k'))?.value.toString()).toBe('v');
  });
};

const title = "connect('file:…') asks the disk";
const reason = cannotTrace();
if (reason !== undefined) describeSkipped(title, reason, syncs);
else describe(title, syncs);
